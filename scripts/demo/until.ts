import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 25

/**
 * Waits for something to become true.
 *
 * @returns how many milliseconds it took, or `undefined` if it is not true after `timeoutMs`
 */
export async function until(
  isTrue: () => Promise<boolean>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const startedAt = performance.now()
  for (;;) {
    signal.throwIfAborted()
    if (await isTrue()) return Math.round(performance.now() - startedAt)
    if (performance.now() - startedAt > timeoutMs) return undefined
    await delay(POLL_MS, undefined, { signal })
  }
}
