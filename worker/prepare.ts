import { setTimeout as delay } from 'node:timers/promises'
import { Refusal } from '../config/refusal.js'

/** Something that must succeed before the worker takes jobs. */
export interface Step {
  work: () => Promise<void>
  /** Called once when the step has to wait for its server. */
  onWait: (error: Error) => void
}

const RETRY_MS = 1000

/**
 * Takes the steps in order and repeats each until it succeeds, so the worker waits for a server that is away.
 *
 * @throws {Refusal} if the worker must not consume until a person has changed something
 */
export async function prepare(steps: readonly Step[], signal: AbortSignal): Promise<void> {
  for (const step of steps) await untilDone(step, signal)
}

async function untilDone({ work, onWait }: Step, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (error instanceof Refusal) throw error
      if (attempt === 1) onWait(error instanceof Error ? error : new Error(String(error)))
    }
    await delay(RETRY_MS, undefined, { signal })
  }
}
