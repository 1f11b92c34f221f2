import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { partitionPrefixes } from '../../queue/partitions.js'
import { refill } from '../../queue/refill.js'
import { QUEUE_NAME } from '../../queue/user-created.js'
import { event } from '../support/event.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startConsumer, type TestConsumer } from '../support/worker.js'

const userIds = Array.from({ length: 200 }, (_, n) => `user-${n}`)

async function* onePage(): AsyncGenerator<string[]> {
  yield userIds
}

describe.each([1, 3])('a queue on redis of %i partitions that lost', (partitions) => {
  let redis: Redis
  let queue: EventQueue
  let prefix: string
  let worker: TestConsumer | undefined

  beforeEach(() => {
    const place = queuePlace('redis', undefined as never)
    prefix = place.prefix
    redis = new Redis(inject('redisUrl'))
    queue = openQueue({ ...place, partitions, timeoutMs: 10_000, onError: () => undefined })
  })
  afterEach(async () => {
    await worker?.stop()
    worker = undefined
    await queue.close()
    redis.disconnect()
  })

  const backfill = () => refill(queue, onePage(), { source: 'backfill', maxPending: 50_000 })
  const keys = (name: string) =>
    partitionPrefixes(prefix, partitions).map((own) => `${own}:${QUEUE_NAME}:${name}`)
  const keysLike = async (pattern: string) =>
    (await Promise.all(keys(pattern).map((like) => redis.keys(like.replaceAll(/[{}]/g, '?'))))).flat()
  const remove = (names: string[]) => Promise.all(names.map((name) => redis.del(name)))

  /** Every user has one job, which a worker can take. */
  async function expectWhole(): Promise<void> {
    const jobs = (
      await Promise.all(queue.partitions().map((bull) => bull.getJobs(['waiting', 'prioritized'])))
    ).flat()
    expect(jobs.map((job) => job.data.userId).sort()).toEqual(userIds.toSorted())
    const kept = (await keysLike('*-*-*-*-*')).filter(
      (key) => !key.includes(':de:') && !key.endsWith(':lock'),
    )
    expect(kept).toHaveLength(userIds.length)
    expect(await queue.unfinishedJobOf('user-1')).toBe(jobs.find((job) => job.data.userId === 'user-1')?.id)
  }

  for (const [lost, source] of [
    ['wait', 'credentials'],
    ['prioritized', 'reconcile'],
  ] as const) {
    it(`its ${lost} jobs queues everyone anew`, async () => {
      await queue.addMany(userIds.map((userId) => event(userId, source)))
      await remove(keys(lost))
      expect(await queue.unfinishedJobOf('user-1')).toBe(undefined)
      expect(await backfill()).toEqual({ users: 200, queued: 200 })
      await expectWhole()
      expect(await backfill()).toEqual({ users: 200, queued: 0 })
    })
  }

  it('half of its waiting jobs queues that half anew', async () => {
    await queue.addMany(userIds.map((userId) => event(userId)))
    for (const key of keys('wait')) await redis.ltrim(key, 0, Math.floor((await redis.llen(key)) / 2) - 1)
    const left = await queue.countUnfinished()
    expect(await backfill()).toEqual({ users: 200, queued: 200 - left })
    await expectWhole()
  })

  it('its jobs, but not the list of them, queues everyone anew and enrolls them', async () => {
    await queue.addMany(userIds.map((userId) => event(userId)))
    const jobs = (await keysLike('*-*-*-*-*')).filter((key) => !key.includes(':de:'))
    await remove(jobs)
    expect(await backfill()).toEqual({ users: 200, queued: 200 })
    if (partitions > 1) return
    worker = startConsumer({ url: inject('redisUrl'), prefix })
    await expect.poll(() => new Set(worker?.enrolled).size).toBe(200)
    await expect.poll(() => queue.countUnfinished()).toBe(0)
  })

  it('nothing, and was given deduplication keys by somebody else, queues everyone all the same', async () => {
    await queue.add(event('user-7'))
    const others = await queue.unfinishedJobOf('user-7')
    for (const [index, userId] of userIds.entries()) {
      if (userId === 'user-7') continue
      const value = index % 2 === 0 ? 'no-such-job' : (others ?? '')
      for (const key of keys(`de:${userId}`)) await redis.set(key, value)
    }
    expect(await queue.unfinishedJobOf('user-1')).toBe(undefined)
    expect((await backfill()).queued).toBe(199)
    await expectWhole()
  })

  it('the job of one user queues that user anew when somebody enrolls them by hand', async () => {
    await queue.add(event('user-1'))
    expect(await queue.addSurely(event('user-1'))).toBe('duplicate')
    await remove(keys('wait'))
    expect(await queue.add(event('user-1'))).toBe('duplicate')
    expect(await queue.addSurely(event('user-1'))).toBe('queued')
    expect(await queue.countUnfinished()).toBe(1)
  })
})

describe.each(BACKENDS)('a queue on %s that lost nothing', (backend) => {
  const database = useDatabase()
  let queue: EventQueue
  let worker: TestConsumer | undefined
  let place: { url: string; prefix: string }

  beforeEach(async () => {
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    await queue.bull().obliterate({ force: true })
  })
  afterEach(async () => {
    await worker?.stop()
    await queue.close()
  })

  it('queues nobody anew whose job is waiting, active or put off', async () => {
    await queue.addMany(userIds.map((userId) => event(userId)))
    let called = 0
    worker = startConsumer(place, () => {
      called += 1
      return called % 2 === 0 ? new Promise(() => undefined) : Promise.reject(new Error('not now'))
    })
    await expect.poll(() => queue.countActive()).toBe(10)
    const found = await Promise.all(userIds.map((userId) => queue.unfinishedJobOf(userId)))
    expect(found.filter((jobId) => jobId === undefined)).toEqual([])
    expect(await queue.freeLost(userIds)).toEqual([])
    expect(await queue.freeLost(userIds.slice(0, 5))).toEqual([])
  })
})

describe('a queue on postgres', () => {
  const database = useDatabase()

  it('that lost jobs, or names finished ones, queues their users anew', async () => {
    const queue = openQueue({
      ...queuePlace('postgres', database),
      timeoutMs: 10_000,
      onError: () => undefined,
    })
    await queue.addMany(userIds.map((userId) => event(userId)))
    await database.sql(`delete from bullmq.job where data->>'userId' like 'user-1%'`)
    await database.sql(`update bullmq.job set state = 'failed' where data->>'userId' like 'user-2%'`)
    const lost = userIds.filter((userId) => /^user-[12]/.test(userId))
    expect(await queue.unfinishedJobOf('user-1')).toBe(undefined)
    expect(await queue.unfinishedJobOf('user-3')).not.toBe(undefined)
    const refilled = await refill(queue, onePage(), { source: 'backfill', maxPending: 50_000 })
    expect(refilled).toEqual({ users: 200, queued: lost.length })
    expect(await queue.countUnfinished()).toBe(200)
    await queue.close()
  })
})
