import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { JOB_NAME, type UserCreatedResult } from '../../queue/user-created.js'
import { PermanentError } from '../../worker/errors.js'
import { event } from '../support/event.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startConsumer, type TestConsumer } from '../support/worker.js'

const DONE: UserCreatedResult = { outcome: 'enrolled', enrolled: 1 }

describe.each(BACKENDS)('the queue on %s', (backend) => {
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let queue: EventQueue
  let worker: TestConsumer | undefined

  beforeEach(async () => {
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    await queue.resume()
    await queue.bull().obliterate({ force: true })
  })
  afterEach(async () => {
    await worker?.stop()
    worker = undefined
    await queue.close()
  })

  const unfinished = () => queue.countUnfinished()

  it('holds one event a user while it waits, is retried or is active, and frees the user when it is done', async () => {
    expect(await queue.add(event('ada'))).toBe('queued')
    expect(await queue.add(event('ada', 'backfill'))).toBe('duplicate')

    let finish: (result: UserCreatedResult) => void = () => undefined
    worker = startConsumer(
      place,
      () =>
        new Promise((resolve) => {
          finish = resolve
        }),
    )
    await expect.poll(() => worker?.enrolled).toEqual(['ada'])
    expect(await queue.add(event('ada'))).toBe('duplicate')
    finish(DONE)
    await expect.poll(unfinished).toBe(0)
    expect(await queue.add(event('ada'))).toBe('queued')
  })

  it('holds the user while a failed attempt waits for its retry', async () => {
    worker = startConsumer(place, async () => {
      throw new Error('not now')
    })
    await queue.add(event('ada'))
    await expect.poll(() => queue.bull().getJobCountByTypes('delayed')).toBe(1)
    expect(await queue.add(event('ada'))).toBe('duplicate')
  })

  it('frees the user after a final failure, which is kept', async () => {
    worker = startConsumer(place, async () => {
      throw new PermanentError('never')
    })
    await queue.add(event('ada'))
    await expect.poll(() => queue.bull().getFailedCount()).toBe(1)
    expect(await queue.add(event('ada'))).toBe('queued')
    await expect.poll(() => queue.bull().getFailedCount()).toBe(2)
  })

  it('holds one event a user also among many added at once', async () => {
    expect(await queue.add(event('ada'))).toBe('queued')
    expect(await queue.addMany(['ada', 'bob', 'eve', 'bob'].map((userId) => event(userId)))).toEqual([
      'bob',
      'eve',
    ])
    expect(await queue.addMany(['ada', 'bob', 'eve'].map((userId) => event(userId)))).toEqual([])
    expect(await unfinished()).toBe(3)
  })

  it('would silently skip a user whose job failed, if the user id were the job id', async () => {
    worker = startConsumer(place, async () => {
      throw new PermanentError('never')
    })
    const byJobId = { removeOnFail: false, jobId: 'user-ada' }
    await queue.bull().add(JOB_NAME, event('ada'), byJobId)
    await expect.poll(() => queue.bull().getFailedCount()).toBe(1)

    const skipped = await queue.bull().add(JOB_NAME, event('ada'), byJobId)
    expect(skipped.id).toBe('user-ada')
    expect(await unfinished()).toBe(0)
    expect(worker.enrolled).toEqual(['ada'])
  })

  it('runs a live event before a backlog that came earlier', async () => {
    const backlog = Array.from({ length: 50 }, (_, n) =>
      event(`old-${n}`, n % 2 === 0 ? 'backfill' : 'reconcile'),
    )
    await queue.addMany(backlog)
    await queue.add(event('live', 'google'))
    worker = startConsumer(place)
    await expect.poll(() => worker?.enrolled.length).toBe(51)
    expect(worker.enrolled[0]).toBe('live')
  })

  it('collects events while it is paused, and goes on when it is resumed', async () => {
    await queue.pause()
    expect(await queue.isPaused()).toBe(true)
    worker = startConsumer(place)
    await worker.consumer.workers[0]?.waitUntilReady()
    expect(await queue.add(event('ada'))).toBe('queued')
    expect(await queue.add(event('ada'))).toBe('duplicate')
    expect(await unfinished()).toBe(1)
    expect(worker.enrolled).toEqual([])

    await queue.resume()
    expect(await queue.isPaused()).toBe(false)
    await expect.poll(() => worker?.enrolled).toEqual(['ada'])
  })

  it('keeps with each job how often to try it and how long to keep it', async () => {
    await queue.add(event('ada'))
    await queue.add(event('bob', 'reconcile'))
    const jobs = await queue.bull().getJobs(['waiting', 'prioritized'])
    const options = Object.fromEntries(jobs.map((job) => [job.data.userId, job.opts]))
    expect(options.ada).toMatchObject({
      attempts: 8,
      backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
      removeOnComplete: { count: 1000, age: 3600 },
      removeOnFail: { count: 10_000, age: 14 * 24 * 3600 },
    })
    expect(options.ada?.priority ?? 0).toBe(0)
    expect(options.bob?.priority).toBeGreaterThan(0)
    expect(options.bob).toMatchObject({ attempts: 8 })
  })
})
