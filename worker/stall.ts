import { setTimeout as delay } from 'node:timers/promises'

export interface StallOptions {
  /** How long jobs may wait while nothing finishes; 0 never stalls. */
  timeoutMs: number
  /** How many jobs wait for a worker now; 0 while there is a good reason for them to wait. */
  look: () => Promise<number>
  /** Called once when it stalls. */
  onStall: (reason: string) => void
}

export interface StallWatch {
  /** A job was finished, in whatever way. */
  progressed(): void
  /** Why this worker cannot consume, or `undefined`. */
  reason(): string | undefined
  stop(): void
}

const LOOKS_PER_TIMEOUT = 10
const LONGEST_PAUSE_MS = 15_000

/**
 * Watches whether the worker consumes: jobs that wait while none is finished for so long mean that it does not, whatever it
 * thinks of its connections. A queue that cannot be asked is no stall by itself, since restarting mends no queue.
 */
export function watchForStall({ timeoutMs, look, onStall }: StallOptions): StallWatch {
  const stopping = new AbortController()
  const pauseMs = Math.min(timeoutMs / LOOKS_PER_TIMEOUT, LONGEST_PAUSE_MS)
  let waiting = 0
  /** On the monotonic clock. */
  let lookedAt: number | undefined
  /** For how long jobs have waited and nothing was finished, as far as was seen. */
  let stalledMs = 0
  let reported = false

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await delay(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
      const found = await look().catch(() => undefined)
      const now = performance.now()
      if (found === 0) progressed()
      else if (found !== undefined) {
        waiting = found
        stalledMs += now - (lookedAt ?? now)
      }
      lookedAt = found === undefined || found === 0 ? undefined : now
      const stalled = reason()
      if (stalled !== undefined && !reported) onStall(stalled)
      reported ||= stalled !== undefined
    }
  }

  function progressed(): void {
    stalledMs = 0
    lookedAt = undefined
    reported = false
  }

  function reason(): string | undefined {
    if (timeoutMs === 0 || lookedAt === undefined || stalledMs < timeoutMs) return undefined
    return `${waiting} jobs wait, yet none was finished for ${Math.round(stalledMs / 1000)} s`
  }

  if (timeoutMs > 0) void watch()
  return { progressed, reason, stop: () => stopping.abort() }
}
