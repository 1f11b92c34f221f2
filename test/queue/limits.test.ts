import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readLimits, removeLimits } from '../../queue/limits.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { event } from '../support/event.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startConsumer, type TestConsumer } from '../support/worker.js'

describe.each(BACKENDS)('the limits of a queue on %s', (backend) => {
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let queue: EventQueue
  let worker: TestConsumer | undefined

  beforeEach(async () => {
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    await queue.resume()
    await removeLimits(queue)
    await queue.bull().obliterate({ force: true })
  })
  afterEach(async () => {
    await worker?.stop()
    worker = undefined
    await queue.close()
  })

  it('are none at first', async () => {
    expect(await readLimits(queue)).toEqual({ partitions: 1, paused: 0 })
  })

  it('are read, with when the next job may start', async () => {
    await queue.bull().setGlobalConcurrency(3)
    await queue.bull().setGlobalRateLimit(1, 60_000)
    await queue.addMany(['ada', 'bob'].map((userId) => event(userId)))
    worker = startConsumer(place)
    await expect.poll(() => worker?.enrolled.length).toBe(1)
    const { rate, concurrency } = await readLimits(queue)
    expect(concurrency).toEqual({ jobs: 3, partitions: 1 })
    expect(rate).toMatchObject({ jobs: 1, perMs: 60_000, partitions: 1 })
    expect(rate?.nextStartAt?.getTime()).toBeGreaterThan(Date.now() + 30_000)
  })

  it('are removed, and a worker that starts then is not held up', async () => {
    await queue.bull().setGlobalConcurrency(1)
    await queue.bull().setGlobalRateLimit(1, 60_000)
    await queue.bull().rateLimit(60_000)
    await queue.addMany(['ada', 'bob', 'eve'].map((userId) => event(userId)))
    await removeLimits(queue)
    expect(await readLimits(queue)).toEqual({ partitions: 1, paused: 0 })
    worker = startConsumer(place)
    await expect.poll(() => worker?.enrolled.length).toBe(3)
  })
})

describe('the limits of a queue of three partitions', () => {
  const database = useDatabase()
  let queue: EventQueue

  beforeEach(() => {
    const place = queuePlace('redis', database)
    queue = openQueue({ ...place, partitions: 3, timeoutMs: 10_000, onError: () => undefined })
  })
  afterEach(() => queue.close())

  it('are found and removed in whichever partition they are', async () => {
    const [, second, third] = queue.partitions()
    await second?.pause()
    await second?.setGlobalRateLimit(10, 1000)
    await third?.setGlobalRateLimit(1, 60_000)
    expect(await readLimits(queue)).toMatchObject({
      partitions: 3,
      paused: 1,
      rate: { jobs: 1, perMs: 60_000, partitions: 2 },
    })
    await removeLimits(queue)
    expect(await readLimits(queue)).toEqual({ partitions: 3, paused: 1 })
  })
})
