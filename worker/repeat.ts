import { setTimeout as delay } from 'node:timers/promises'

/** Something that a worker does again and again while it runs. */
export interface Chore {
  everyMs: number
  work: () => Promise<void>
}

/**
 * Does each chore now, and again `everyMs` after it has ended, even if it failed.
 *
 * @returns a function that stops the chores without waiting for those in progress
 */
export function repeat(chores: readonly Chore[], onError: (error: Error) => void): () => void {
  const stopping = new AbortController()
  for (const chore of chores) void untilStopped(chore, stopping.signal, onError)
  return () => stopping.abort()
}

async function untilStopped(
  { everyMs, work }: Chore,
  signal: AbortSignal,
  onError: (error: Error) => void,
): Promise<void> {
  while (!signal.aborted) {
    await work().catch((error: unknown) => {
      if (!signal.aborted) onError(error instanceof Error ? error : new Error(String(error)))
    })
    await delay(everyMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
}
