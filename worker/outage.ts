import { setTimeout as delay } from 'node:timers/promises'
import { InterruptedError } from './errors.js'

/** While the database can enroll nobody: since when, and why. */
interface Outage {
  sinceMs: number
  error: unknown
  over: Promise<void>
}

export interface OutageOptions {
  /** Rejects while the database can enroll nobody. */
  probe: () => Promise<unknown>
  /** Ends every wait. */
  signal: AbortSignal
  /** Called once when an outage begins, and once when it is over. */
  onBegin: (error: unknown) => void
  onEnd: (seconds: number) => void
}

const FIRST_DELAY_MS = 50
const LONGEST_DELAY_MS = 2000

/**
 * Watches for outages of the database. A statement that fails may be about its own users and courses; in an outage
 * nothing works. Its jobs stay active meanwhile, so that an outage, however long, costs them no attempt, and the worker
 * takes no more jobs than it may have active.
 */
export function watchForOutage({ probe, signal, onBegin, onEnd }: OutageOptions) {
  let outage: Outage | undefined

  return {
    /** The outage that lasts at the moment. */
    current: () => outage,
    /**
     * Resolves once no outage lasts.
     *
     * @throws {InterruptedError} when `signal` ends the wait
     */
    async over(): Promise<void> {
      await outage?.over
    },
    /**
     * Finds out whether an outage explains an error; if so, waits until it is over.
     *
     * @throws {InterruptedError} when `signal` ends the wait
     */
    async explains(error: unknown): Promise<boolean> {
      if (outage === undefined) {
        const reason = await probe().then(
          () => undefined,
          (failure: unknown) => failure ?? error,
        )
        if (reason === undefined) return false
        begin(reason)
      }
      await outage?.over
      return true
    },
  }

  function begin(error: unknown): void {
    if (outage !== undefined) return
    const over = waitUntilOver()
    over.catch(() => undefined)
    outage = { sinceMs: Date.now(), error, over }
    onBegin(error)
  }

  async function waitUntilOver(): Promise<void> {
    for (let waitMs = FIRST_DELAY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_DELAY_MS)) {
      await delay(waitMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
      if (signal.aborted) throw new InterruptedError(outage?.error)
      try {
        await probe()
        break
      } catch (error) {
        if (outage !== undefined) outage.error = error
      }
    }
    if (outage !== undefined) onEnd((Date.now() - outage.sinceMs) / 1000)
    outage = undefined
  }
}

export type OutageWatch = ReturnType<typeof watchForOutage>
