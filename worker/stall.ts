import { setTimeout as delay } from 'node:timers/promises'

export interface StallOptions {
  /** How long jobs may wait while nothing finishes; 0 never stalls. */
  timeoutMs: number
  /** How many jobs wait for a worker now; none count while the queue is paused. */
  look: () => Promise<number>
  /** Told once when it stalls. */
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
  let waiting = 0
  /** On the monotonic clock: since when jobs wait and nothing finishes. */
  let since: number | undefined
  let told = false

  async function watch(): Promise<void> {
    const pauseMs = Math.min(timeoutMs / LOOKS_PER_TIMEOUT, LONGEST_PAUSE_MS)
    while (!stopping.signal.aborted) {
      await delay(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
      const found = await look().catch(() => undefined)
      if (found === 0) progressed()
      if (found === undefined || found === 0) continue
      waiting = found
      since ??= performance.now()
      const stalled = reason()
      if (stalled !== undefined && !told) onStall(stalled)
      told ||= stalled !== undefined
    }
  }

  function progressed(): void {
    since = undefined
    told = false
  }

  function reason(): string | undefined {
    if (since === undefined) return undefined
    const forMs = performance.now() - since
    if (forMs < timeoutMs) return undefined
    return `${waiting} jobs wait, yet none was finished for ${Math.round(forMs / 1000)} s`
  }

  if (timeoutMs > 0) void watch()
  return { progressed, reason, stop: () => stopping.abort() }
}
