import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { correctPutOff } from '../../queue/put-off.js'
import { countEnrollments, insertCourses } from '../support/application.js'
import { event } from '../support/event.js'
import { logged, type RunningScript, startScript } from '../support/process.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'

const HOUR_MS = 3_600_000

/** Makes a process that is started with it see another time than it is. */
function clockShiftedBy(ms: number): string {
  const code = `const Real = Date
    globalThis.Date = class extends Real {
      constructor(...values) { values.length === 0 ? super(Real.now() + ${ms}) : super(...values) }
      static now() { return Real.now() + ${ms} }
    }`
  return `--import=data:text/javascript,${encodeURIComponent(code)}`
}

describe.each(BACKENDS)('jobs that are put off, with the queue on %s', (backend) => {
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let queue: EventQueue
  const running = new Set<RunningScript>()

  beforeEach(async () => {
    await database.sql('truncate "User", "Course" cascade')
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    await queue.bull().obliterate({ force: true })
  })
  afterEach(async () => {
    for (const worker of running) worker.kill('SIGKILL')
    await Promise.all(running)
    running.clear()
    await queue.close()
  })

  function startWorker(shiftMs = 0): RunningScript {
    const worker = startScript('worker', [], {
      DATABASE_URL: database.url,
      QUEUE_URL: place.url,
      QUEUE_PREFIX: place.prefix,
      WORKER_HTTP_PORT: '0',
      RECONCILE_INTERVAL_MS: '0',
      NODE_OPTIONS: clockShiftedBy(shiftMs),
    })
    running.add(worker)
    return worker
  }

  const insertAda = () =>
    database.sql(`insert into "User" (id, email, name) values ('ada', 'ada@example.com', 'Ada')`)

  it.for([
    ['ahead', HOUR_MS],
    ['behind', -HOUR_MS],
  ] as const)(
    'by a worker whose clock is an hour %s are taken over by another one, and the first says that its clock is wrong',
    async ([, shiftMs]) => {
      await insertCourses(database, 1)
      const wrong = startWorker(shiftMs)
      await logged(wrong, /^the clock of this machine is wrong/)
      // Nobody has committed this user yet.
      await queue.add(event('ada'))
      await expect
        .poll(async () => (await queue.bull().getJobs(['delayed']))[0]?.attemptsMade ?? 0)
        .toBeGreaterThan(1)
      wrong.kill('SIGKILL')
      await wrong
      await insertAda()
      startWorker()
      await expect.poll(() => countEnrollments(database), { timeout: 12_000 }).toBe(1)
    },
  )

  it('are retried by a worker whose clock is behind and who is alone', async () => {
    await insertCourses(database, 1)
    const wrong = startWorker(-HOUR_MS)
    await logged(wrong, /^the clock of this machine is wrong/)
    await queue.add(event('ada'))
    await expect.poll(() => queue.bull().getDelayedCount()).toBe(1)
    await insertAda()
    await expect.poll(() => countEnrollments(database), { timeout: 20_000 }).toBe(1)
  })

  it('for longer than their back-off are brought back to it, and others are left alone', async () => {
    const { id: wrong = '' } = await queue.bull().add('user.created', event('ada'), { delay: HOUR_MS })
    const { id: right = '' } = await queue.bull().add('user.created', event('bob'), { delay: 30_000 })
    const before = await dueOf(right)
    expect(await correctPutOff(queue, 15_000)).toBe(1)
    expect(await dueOf(wrong)).toBeLessThan(Date.now() + 64_500)
    expect(await dueOf(right)).toBe(before)
    expect(await correctPutOff(queue, 15_000)).toBe(0)
  })

  it('and are overdue are given to the next worker', async () => {
    await queue.bull().add('user.created', event('ada'), { delay: 5000, timestamp: Date.now() - 60_000 })
    expect(await queue.bull().getDelayedCount()).toBe(1)
    expect(await correctPutOff(queue, 15_000)).toBe(1)
    expect(await queue.countWaiting()).toBe(1)
  })

  /** When a job is due, in milliseconds since 1970. */
  async function dueOf(jobId: string): Promise<number> {
    const { client } = queue.link
    if ('query' in client) {
      const [row] = await database.sql<{ due: string }>(
        'select process_at_ms as due from bullmq.job where id = $1',
        [jobId],
      )
      return Number(row?.due)
    }
    return Math.floor(Number(await client.zscore(queue.bull().toKey('delayed'), jobId)) / 4096)
  }
})
