import { Queue, Worker } from 'bullmq'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { linkQueue } from '../../queue/connect.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { JOB_NAME, jobOptions } from '../../queue/user-created.js'
import type { RunningWorker } from '../../worker/run.js'
import { enrollmentsOf, insertCourses } from '../support/application.js'
import { event } from '../support/event.js'
import { linesTo } from '../support/log-lines.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

describe.each(BACKENDS)('what becomes of a job, with its queue on %s', (backend) => {
  const database = useDatabase()
  const lines: Record<string, unknown>[] = []
  let place: { url: string; prefix: string }
  let queue: EventQueue
  let worker: RunningWorker

  beforeAll(async () => {
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    worker = await startTestWorker({ databaseUrl: database.url, queue: place, log: pino(linesTo(lines)) })
  })
  afterAll(async () => {
    await worker.close()
    await queue.close()
  })
  beforeEach(async () => {
    await database.sql('truncate "User", "Course" cascade')
    lines.length = 0
  })

  /** Adds a job as producers do, but with fewer and quicker attempts. */
  async function add(userId: string, attempts: number, delay = 20) {
    const job = event(userId)
    const added = await queue.bull().add(JOB_NAME, job, {
      ...jobOptions(job),
      attempts,
      backoff: { type: 'fixed', delay },
    })
    return added.id ?? ''
  }
  const job = async (id: string) => queue.bull().getJob(id)
  const finished = (id: string) => expect.poll(async () => (await job(id))?.finishedOn).toBeGreaterThan(0)

  it('retries a user who is not there, and ends as completed with a warning', async () => {
    await insertCourses(database, 1)
    const id = await add('nobody', 3)
    await finished(id)
    expect(await job(id)).toMatchObject({
      returnvalue: { outcome: 'user-not-found', enrolled: 0 },
      attemptsMade: 3,
    })
    expect(await (await job(id))?.isCompleted()).toBe(true)
    const logged = () =>
      lines.filter((line) => line.userId === 'nobody').map(({ level, msg }) => [level, msg])
    await expect.poll(logged).toEqual([
      [40, 'failed, will be retried'],
      [40, 'failed, will be retried'],
      [40, 'no such user after the last attempt: deleted, or never committed'],
    ])
  })

  it('enrolls a user whose event came before the commit', async () => {
    await insertCourses(database, 2)
    const id = await add('early', 8, 500)
    await expect.poll(async () => (await job(id))?.attemptsMade).toBe(1)
    await database.sql(`insert into "User" (id, email, name) values ('early', 'early@example.com', 'Early')`)
    await finished(id)
    expect((await job(id))?.returnvalue).toEqual({ outcome: 'enrolled', enrolled: 2 })
  })

  it('returns plain numbers, which the queue can keep', async () => {
    await insertCourses(database, 2)
    await database.sql(`insert into "User" (id, email, name) values ('ada', 'ada@example.com', 'Ada')`)
    const id = await add('ada', 1)
    await finished(id)
    expect((await job(id))?.returnvalue).toEqual({ outcome: 'enrolled', enrolled: 2 })
    expect(Object.keys(await enrollmentsOf(database, 'ada'))).toHaveLength(2)
  })

  it.each([
    ['an unknown name', 'user.deleted', event('ada'), 'unknown job name: expected user.created'],
    ['a wrong version', JOB_NAME, { ...event('ada'), v: 2 }, 'v: expected version 1'],
    ['no data', JOB_NAME, undefined, 'not a user.created event'],
    ['garbage', JOB_NAME, ['secret@example.com', 42], 'not a user.created event'],
    ['an id that no user can have', JOB_NAME, { ...event('ada'), userId: '' }, 'userId: '],
  ])('fails a job of %s at once and for good, kept and readable', async (_, name, data, reason) => {
    const added = await queue.bull().add(name as never, data as never, jobOptions(event('unused')))
    const id = added.id ?? ''
    await finished(id)
    const failed = await job(id)
    expect(failed?.failedReason).toContain(reason)
    expect(failed?.failedReason).not.toContain('secret')
    expect(failed).toMatchObject({ attemptsMade: 1 })
    expect(await failed?.isFailed()).toBe(true)
    await expect
      .poll(() => lines)
      .toContainEqual(
        expect.objectContaining({ level: 50, msg: 'failed for good; kept among the failed jobs', jobId: id }),
      )
  })
})

describe.each(BACKENDS)('a BigInt in a result, with the queue on %s', (backend) => {
  const database = useDatabase()

  it('fails the job after its work is done, which is why results are plain numbers', async () => {
    const place = queuePlace(backend, database)
    const consuming = linkQueue({ ...place, profile: { mode: 'consume' }, onError: () => undefined })
    const producing = linkQueue({
      ...place,
      profile: { mode: 'produce', timeoutMs: 5000 },
      onError: () => undefined,
    })
    let worked = 0
    const worker = new Worker(
      'bigint',
      async () => {
        worked += 1
        return { count: 1n }
      },
      consuming.options,
      consuming.backend as never,
    )
    const queue = new Queue('bigint', producing.options, producing.backend as never)
    worker.on('error', () => undefined)
    queue.on('error', () => undefined)
    await queue.add('job', {})
    await expect.poll(() => queue.getFailed().then((jobs) => jobs[0]?.failedReason)).toContain('BigInt')
    expect(worked).toBe(1)
    await worker.close()
    await Promise.all([consuming.disconnect(), producing.disconnect()])
  })
})
