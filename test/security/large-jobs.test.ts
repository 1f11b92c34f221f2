import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { causeOf } from '../../queue/causes.js'
import { readDepth } from '../../queue/depth.js'
import { failedJobs } from '../../queue/failed.js'
import { readRecent } from '../../queue/flow.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { retryFailed } from '../../queue/retry.js'
import { JOB_NAME } from '../../queue/user-created.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { collect } from '../support/collect.js'
import { basic, OPERATOR, overviewOf, startTestDashboard } from '../support/dashboard.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const LARGE = 'x'.repeat(5 * 1024 * 1024)
const prefix = '{auto-enroll}'
const key = (name: string) => `${prefix}:user-created:${name}`

describe('jobs that are far too large', () => {
  const database = useDatabase()
  let redis: RedisServer
  let client: Redis
  let queue: EventQueue
  let dashboard: RunningDashboard

  beforeAll(async () => {
    redis = await startRedis()
    client = new Redis(redis.url)
    queue = openQueue({ url: redis.url, prefix, timeoutMs: 10_000, onError: () => undefined })
    for (const state of ['failed', 'completed', 'delayed', 'prioritized']) {
      for (let index = 0; index < 5; index += 1) await plant(state, `${state}-${index}`)
    }
    const place = { databaseUrl: database.url, queue: { url: redis.url, prefix } }
    dashboard = await startTestDashboard(place)
  })
  afterAll(async () => {
    await dashboard.close()
    await queue.close()
    client.disconnect()
    await redis.stop()
  })

  /** As anyone may who may write to the queue. */
  async function plant(state: string, jobId: string): Promise<void> {
    const text = JSON.stringify(LARGE)
    await client.hset(key(jobId), {
      ...{ name: JOB_NAME, data: `{"userId":${text}}`, opts: `{"attempts":${text}}`, timestamp: LARGE },
      ...{
        progress: text,
        returnvalue: text,
        stacktrace: `[${text}]`,
        failedReason: LARGE,
        finishedOn: Date.now(),
      },
    })
    await client.rpush(key(`${jobId}:logs`), LARGE, LARGE)
    await client.zadd(key(state), Date.now(), jobId)
  }

  it('are read only as far as an event is long', async () => {
    for (const state of ['failed', 'completed', 'delayed', 'prioritized'] as const) {
      const jobs = await queue.bull().getJobs([state])
      expect(jobs).toHaveLength(5)
      expect(JSON.stringify(jobs.map((job) => job.toJSON())).length).toBeLessThan(20_000)
    }
    const { logs, count } = await queue.bull().getJobLogs('failed-0')
    expect([count, logs.join().length < 10_000]).toEqual([2, true])
  })

  it('say that they are too large, and hide no other job', async () => {
    const [, [good = ''] = []] = [await queue.pause(), await insertUsers(database, 1)]
    await queue.add({ v: 1, userId: good, source: 'google', occurredAt: new Date().toISOString() })
    expect(await readDepth(queue)).toMatchObject({ waiting: 1, failed: 5, prioritized: 5 })
    expect(await readRecent(queue)).toMatchObject({ jobs: 5, bySource: {} })
    const [failed] = await collect(failedJobs(queue))
    expect(failed?.map((job) => job.cause.message)).toEqual(
      Array(5).fill('the reason is too large or malformed, so it was not read'),
    )
    expect((await overviewOf(dashboard)).text).toContain('too large or malformed')
    const found = await fetch(`${dashboard.url}/users?q=${good}`, { headers: basic(OPERATOR) })
    expect(await found.text()).toContain('waiting')
  })

  it('are shown by bull-board in a page that a browser can bear', async () => {
    const board = (path: string) =>
      fetch(`${dashboard.url}/queues/api/queues${path}`, { headers: basic(OPERATOR) })
    const list = await board('?activeQueue=user-created&status=failed&page=1&jobsPerPage=10')
    expect(list.status).toBe(200)
    expect((await list.text()).length).toBeLessThan(20_000)
    expect((await (await board('/user-created/failed-0/logs')).text()).length).toBeLessThan(10_000)
    expect((await board('?activeQueue=user-created&jobsPerPage=1000000')).status).toBe(400)
  })

  it('are put back like others', async () => {
    expect(await retryFailed(queue, {})).toBe(5)
    expect(await readDepth(queue)).toMatchObject({ failed: 0, waiting: 6 })
  })

  it('end no worker, and keep nobody waiting long', { timeout: 30_000 }, async () => {
    await client.flushall()
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    const [occurredAt, large] = [new Date().toISOString(), { userId: LARGE }]
    await queue.bull().addBulk(Array.from({ length: 20 }, () => ({ name: JOB_NAME, data: large as never })))
    await queue.add({ v: 1, userId, source: 'google', occurredAt })
    const place = { databaseUrl: database.url, queue: { url: redis.url, prefix } }
    const worker = await startTestWorker(place)
    await expect.poll(() => countEnrollments(database), { timeout: 20_000 }).toBe(1)
    await expect.poll(() => queue.bull().getFailedCount(), { timeout: 20_000 }).toBe(20)
    await worker.close()
  })

  it('break no page where their fields are nonsense', async () => {
    const nonsense = '['.repeat(4000)
    await client.hset(key('nonsense'), {
      ...{ name: '', data: 'null', opts: '[]', timestamp: '1e99', finishedOn: '-1', progress: nonsense },
      ...{ returnvalue: nonsense, stacktrace: '{"filter":1}', attemptsMade: 'NaN', parent: 'nonsense' },
    })
    await client.zadd(key('failed'), Date.now(), 'nonsense', Date.now(), LARGE)
    const jobs = (await collect(failedJobs(queue))).flat()
    expect(jobs.find((job) => job.jobId === 'nonsense')).toMatchObject({ userId: '', failedAt: new Date(0) })
    expect(jobs.every((job) => job.jobId.length < 300)).toBe(true)
    expect((await fetch(dashboard.url, { headers: basic(OPERATOR) })).status).toBe(200)
  })
})

it.each([
  ['one word', 'a'.repeat(150_000)],
  ['digits and a last letter', `${'0'.repeat(150_000)}z`],
  ['quotes', '"'.repeat(150_000)],
  ['at signs', '@'.repeat(150_000)],
  ['equals and brackets', '=('.repeat(75_000)],
])('a reason of 150 kB is grouped at once: %s', (_, reason) => {
  const startedAt = performance.now()
  for (let repeated = 0; repeated < 100; repeated += 1) causeOf(reason)
  expect(performance.now() - startedAt).toBeLessThan(1000)
})

it.each([
  `${'x '.repeat(245)}anna@example.com`,
  `"${'Anna of the long name '.repeat(50)}"`,
  `Key (email)=(${'anna '.repeat(200)})`,
])('cutting a reason uncovers nothing personal', (reason) => {
  expect(causeOf(reason).message).not.toMatch(/anna/i)
})
