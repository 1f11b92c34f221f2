import { setTimeout as delay } from 'node:timers/promises'
import type { EventQueue } from './open.js'
import type { Source, UserCreated } from './user-created.js'

export interface RefillOptions {
  source: Source
  /** Unfinished jobs that the queue may hold; above it, refilling waits for the workers. */
  maxPending: number
  /** Called after each chunk with the users read so far, and how many of them had no unfinished event yet. */
  onProgress?: (progress: Refilled) => void
  /** Called now and then while the queue is full. */
  onFull?: () => void
  /** Called after each chunk with those of its users who had no unfinished event yet. */
  onQueued?: (userIds: readonly string[]) => void
  /** Called once all users of a page are queued; pages are read before that. */
  onPage?: () => void
  /** Awaited before each step; when it rejects, refilling stops. */
  mayGoOn?: () => Promise<void>
  signal?: AbortSignal
}

export interface Refilled {
  users: number
  queued: number
}

const BACK_PRESSURE_POLL_MS = 200

/** Jobs per call while workers are busy: until they are added, Redis serves nobody else. */
const SMALL_CHUNK = 20

/** Users whose events were duplicates are checked together, because that reads all unfinished jobs. */
const LOOKED_AFTER_TOGETHER = 10_000

/** Jobs per call while workers are idle, which is cheaper per job. Postgres holds locks meanwhile. */
const CHUNK = { redis: 100, postgres: SMALL_CHUNK } as const

/**
 * Queues one event per user id, in chunks, and never lets the queue grow beyond `maxPending`; the next page is read while
 * the last one is queued. Interrupted at any point, a second run is safe: users who are already queued are not queued again.
 */
export async function refill(
  queue: EventQueue,
  pages: AsyncIterable<readonly string[]>,
  { source, maxPending, onProgress, onFull, onQueued, onPage, mayGoOn, signal }: RefillOptions,
): Promise<Refilled> {
  const refilled: Refilled = { users: 0, queued: 0 }
  let size = Math.min(SMALL_CHUNK, maxPending)
  let room = 0
  let duplicates: string[] = []
  for await (const page of readAhead(pages)) {
    await mayGoOn?.()
    for (let start = 0, end = 0; start < page.length; start = end) {
      end = start + size
      const userIds = page.slice(start, end)
      if (room < userIds.length) room = await roomFor(userIds.length, queue, maxPending, pause)
      await mayGoOn?.()
      signal?.throwIfAborted()
      const startedAt = performance.now()
      const [queued, active] = await Promise.all([
        queue.addMany(userIds.map((userId) => eventFor(userId, source))),
        queue.countActive(),
      ])
      noteQueued(queued)
      refilled.users += userIds.length
      const isQueued = new Set(queued)
      duplicates.push(...userIds.filter((userId) => !isQueued.has(userId)))
      if (duplicates.length >= LOOKED_AFTER_TOGETHER) await requeueLost()
      onProgress?.(refilled)
      size = Math.min(active > 0 ? SMALL_CHUNK : 2 * size, CHUNK[queue.link.kind], maxPending)
      // Workers are slower than this, so they and sign-ups get half of the queue's time.
      if (active > 0) await delay(performance.now() - startedAt, undefined, { signal })
    }
    onPage?.()
  }
  await requeueLost()
  return refilled

  function noteQueued(userIds: readonly string[]): void {
    onQueued?.(userIds)
    refilled.queued += userIds.length
    room -= userIds.length
  }

  /** Queues again those duplicates whose job has vanished from the queue. */
  async function requeueLost(): Promise<void> {
    const lost = await queue.freeLost(duplicates)
    duplicates = []
    for (let start = 0; start < lost.length; start += SMALL_CHUNK) {
      await mayGoOn?.()
      signal?.throwIfAborted()
      const userIds = lost.slice(start, start + SMALL_CHUNK)
      noteQueued(await queue.addMany(userIds.map((userId) => eventFor(userId, source))))
    }
    if (lost.length > 0) onProgress?.(refilled)
  }

  async function pause(): Promise<void> {
    onFull?.()
    await mayGoOn?.()
    await delay(BACK_PRESSURE_POLL_MS, undefined, { signal })
  }
}

/** Reads each item while the previous one is in use. */
async function* readAhead<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  const iterator = items[Symbol.asyncIterator]()
  try {
    for (let next = iterator.next(); ; ) {
      const item = await next
      if (item.done) return
      next = iterator.next()
      next.catch(() => undefined)
      yield item.value
    }
  } finally {
    await iterator.return?.()
  }
}

/** How many more jobs the queue may hold, once there is room for `count`. Workers can only make more room. */
async function roomFor(
  count: number,
  queue: EventQueue,
  maxPending: number,
  pause: () => Promise<void>,
): Promise<number> {
  for (;;) {
    const room = maxPending - (await queue.countUnfinished())
    if (room >= count) return room
    await pause()
  }
}

function eventFor(userId: string, source: Source): UserCreated {
  return { v: 1, userId, source, occurredAt: new Date().toISOString() }
}
