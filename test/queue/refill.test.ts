import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { refill } from '../../queue/refill.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startConsumer, type TestConsumer } from '../support/worker.js'

async function* pagesOf(count: number, pageSize = 40): AsyncGenerator<string[]> {
  const userIds = Array.from({ length: count }, (_, n) => `user-${n}`)
  for (let start = 0; start < count; start += pageSize) yield userIds.slice(start, start + pageSize)
}

describe.each(BACKENDS)('refilling the queue on %s', (backend) => {
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let queue: EventQueue
  let worker: TestConsumer | undefined

  beforeEach(async () => {
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    await queue.bull().obliterate({ force: true })
  })
  afterEach(async () => {
    await worker?.stop()
    worker = undefined
    await queue.close()
  })

  /** The queue, noting how many jobs each call adds. */
  function counting(sizes: number[]): EventQueue {
    return {
      ...queue,
      addMany(events) {
        sizes.push(events.length)
        return queue.addMany(events)
      },
    }
  }

  it('queues each user once, in growing chunks, and reports progress', async () => {
    const sizes: number[] = []
    const progress: number[] = []
    const refilled = await refill(counting(sizes), pagesOf(420, 310), {
      source: 'backfill',
      maxPending: 1000,
      onProgress: ({ users }) => progress.push(users),
    })
    expect(refilled).toEqual({ users: 420, queued: 420 })
    const twenties = (count: number) => Array.from({ length: count }, () => 20)
    expect(sizes).toEqual(
      backend === 'redis' ? [20, 40, 80, 100, 70, 100, 10] : [...twenties(15), 10, ...twenties(5), 10],
    )
    expect(progress.at(0)).toBe(20)
    expect(progress.at(-1)).toBe(420)
    expect(await queue.countUnfinished()).toBe(420)
  })

  it('adds few jobs at a time while workers are busy, so that sign-ups wait for few', async () => {
    worker = startConsumer(place, () => new Promise(() => undefined))
    await queue.add({ v: 1, userId: 'first', source: 'admin', occurredAt: new Date().toISOString() })
    await expect.poll(() => queue.countActive()).toBe(1)
    const sizes: number[] = []
    await refill(counting(sizes), pagesOf(200, 200), { source: 'backfill', maxPending: 1000 })
    expect(sizes).toEqual(Array.from({ length: 10 }, () => 20))
  })

  it('queues nobody twice when it is run again', async () => {
    await refill(queue, pagesOf(50), { source: 'backfill', maxPending: 1000 })
    const again = await refill(queue, pagesOf(60), { source: 'reconcile', maxPending: 1000 })
    expect(again).toEqual({ users: 60, queued: 10 })
    expect(await queue.countUnfinished()).toBe(60)
  })

  it('never lets the queue grow beyond its limit', async () => {
    worker = startConsumer(place)
    const depths: number[] = []
    const watched: EventQueue = {
      ...queue,
      async addMany(events) {
        const added = await queue.addMany(events)
        depths.push(await queue.countUnfinished())
        return added
      },
    }
    const refilled = await refill(watched, pagesOf(100), { source: 'backfill', maxPending: 25 })
    expect(refilled).toEqual({ users: 100, queued: 100 })
    expect(Math.max(...depths)).toBeLessThanOrEqual(25)
    await expect.poll(() => new Set(worker?.enrolled).size).toBe(100)
  })

  it('stops when it is aborted, even while it waits for room', async () => {
    const stopping = new AbortController()
    const refilling = refill(queue, pagesOf(100), {
      source: 'backfill',
      maxPending: 25,
      signal: stopping.signal,
      onProgress: ({ users }) => users === 20 && setImmediate(() => stopping.abort(new Error('enough'))),
    })
    await expect(refilling).rejects.toThrow(/enough|aborted/)
    expect(await queue.countUnfinished()).toBe(20)
    expect(await refill(queue, pagesOf(30), { source: 'backfill', maxPending: 100 })).toEqual({
      users: 30,
      queued: 10,
    })
  })
})
