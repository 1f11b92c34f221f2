import { setTimeout as delay } from 'node:timers/promises'
import { Refusal } from '../config/refusal.js'

export interface PrepareOptions {
  /** What must have succeeded before the worker consumes, in order. */
  steps: readonly (() => Promise<void>)[]
  /** Called once for each step that has to wait for its server. */
  onWait: (error: unknown) => void
  signal: AbortSignal
}

const RETRY_MS = 1000

/**
 * Takes the steps one after another, and repeats each until it succeeds, because a server that is away is waited for.
 *
 * @throws {Refusal} when the worker must not consume until a person has changed something
 */
export async function prepare({ steps, onWait, signal }: PrepareOptions): Promise<void> {
  for (const step of steps) await untilDone(step, onWait, signal)
}

async function untilDone(
  step: () => Promise<void>,
  onWait: (error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step()
    } catch (error) {
      if (error instanceof Refusal) throw error
      if (attempt === 1) onWait(error)
    }
    await delay(RETRY_MS, undefined, { signal })
  }
}
