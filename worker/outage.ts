import { setTimeout as delay } from 'node:timers/promises'
import { InterruptedError, isOutage } from './errors.js'

/** What the worker knows of the database: how long it has been of no use, and why. */
interface Outage {
  sinceMs: number
  error: unknown
}

export interface OutageOptions {
  /** Ends every wait. */
  signal: AbortSignal
  /** Told once when the database begins to fail, and once when it works again. */
  onBegin: (error: unknown) => void
  onEnd: (seconds: number) => void
}

const FIRST_DELAY_MS = 50
const LONGEST_DELAY_MS = 2000

/**
 * Outlasts outages of the database: work that fails because of one is tried again until it succeeds or fails otherwise. Its
 * jobs stay active meanwhile, so that an outage, however long, costs them no attempt, and no more jobs are taken than the
 * worker may have active.
 */
export function createOutlaster({ signal, onBegin, onEnd }: OutageOptions) {
  let outage: Outage | undefined

  return {
    /** The outage that lasts at the moment. */
    current: () => outage,
    /** @throws {InterruptedError} when `signal` ends the wait */
    async outlast<T>(work: () => Promise<T>): Promise<T> {
      for (let waitMs = FIRST_DELAY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_DELAY_MS)) {
        try {
          const result = await work()
          ended()
          return result
        } catch (error) {
          if (!isOutage(error)) {
            ended()
            throw error
          }
          began(error)
          await delay(waitMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
          if (signal.aborted) throw new InterruptedError(error)
        }
      }
    },
  }

  function began(error: unknown): void {
    if (outage === undefined) onBegin(error)
    outage = { sinceMs: outage?.sinceMs ?? Date.now(), error }
  }

  function ended(): void {
    if (outage !== undefined) onEnd((Date.now() - outage.sinceMs) / 1000)
    outage = undefined
  }
}

export type Outlaster = ReturnType<typeof createOutlaster>
