import { setTimeout as delay } from 'node:timers/promises'
import type { EventQueue } from './open.js'
import type { Source, UserCreated } from './user-created.js'

export interface RefillOptions {
  source: Source
  /** Unfinished jobs that the queue may hold; above it, refilling waits for the workers. */
  maxPending: number
  /** Jobs in one call to the queue. */
  chunkSize?: number
  /** Told after each chunk: users read so far, and how many of them had no unfinished event yet. */
  onProgress?: (progress: Refilled) => void
  /** Told after each chunk: the users of it who had no unfinished event yet. */
  onQueued?: (userIds: readonly string[]) => void
  signal?: AbortSignal
}

export interface Refilled {
  users: number
  queued: number
}

const BACK_PRESSURE_POLL_MS = 200

/**
 * Queues one event per user id, in chunks, and never lets the queue grow beyond `maxPending`. Interrupted at any point,
 * a second run is safe: whoever is queued already is not queued again.
 */
export async function refill(
  queue: EventQueue,
  pages: AsyncIterable<readonly string[]>,
  { source, maxPending, chunkSize = 1000, onProgress, onQueued, signal }: RefillOptions,
): Promise<Refilled> {
  const refilled: Refilled = { users: 0, queued: 0 }
  const size = Math.min(chunkSize, maxPending)
  for await (const page of pages) {
    for (let start = 0; start < page.length; start += size) {
      const userIds = page.slice(start, start + size)
      await spaceFor(userIds.length, queue, maxPending, signal)
      signal?.throwIfAborted()
      const queued = await queue.addMany(userIds.map((userId) => eventFor(userId, source)))
      onQueued?.(queued)
      refilled.queued += queued.length
      refilled.users += userIds.length
      onProgress?.(refilled)
    }
  }
  return refilled
}

async function spaceFor(count: number, queue: EventQueue, maxPending: number, signal?: AbortSignal) {
  while ((await queue.countUnfinished()) + count > maxPending) {
    await delay(BACK_PRESSURE_POLL_MS, undefined, { signal })
  }
}

function eventFor(userId: string, source: Source): UserCreated {
  return { v: 1, userId, source, occurredAt: new Date().toISOString() }
}
