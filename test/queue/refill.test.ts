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

  it('queues each user once, in chunks, and tells how far it is', async () => {
    const sizes: number[] = []
    const counted: EventQueue = {
      ...queue,
      addMany: (events) => {
        sizes.push(events.length)
        return queue.addMany(events)
      },
    }
    const told: number[] = []
    const refilled = await refill(counted, pagesOf(100), {
      source: 'backfill',
      maxPending: 1000,
      chunkSize: 30,
      onProgress: ({ users }) => told.push(users),
    })
    expect(refilled).toEqual({ users: 100, queued: 100 })
    expect(sizes).toEqual([30, 10, 30, 10, 20])
    expect(told).toEqual([30, 40, 70, 80, 100])
    expect(await queue.countUnfinished()).toBe(100)
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

  it('stops when it is told to, also while it waits for room', async () => {
    const stopping = new AbortController()
    const refilling = refill(queue, pagesOf(100), {
      source: 'backfill',
      maxPending: 25,
      chunkSize: 25,
      signal: stopping.signal,
      onProgress: ({ users }) => users === 25 && setImmediate(() => stopping.abort(new Error('enough'))),
    })
    await expect(refilling).rejects.toThrow(/enough|aborted/)
    expect(await queue.countUnfinished()).toBe(25)
    expect(await refill(queue, pagesOf(30), { source: 'backfill', maxPending: 100 })).toEqual({
      users: 30,
      queued: 5,
    })
  })
})
