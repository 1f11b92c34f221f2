import { beforeEach, describe, expect, it } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { event } from '../support/event.js'
import { runJson, runScript, startScript } from '../support/process.js'
import { queuePlace, useDatabase } from '../support/servers.js'
import { statementsWaiting } from '../support/waiting.js'
import { startTestWorker } from '../support/worker.js'

describe('what the audit log says of commands', () => {
  const database = useDatabase()
  let place: ReturnType<typeof queuePlace>
  let env: Record<string, string>

  beforeEach(async () => {
    place = queuePlace('redis', database)
    env = { DATABASE_URL: database.url, QUEUE_URL: place.url, QUEUE_PREFIX: place.prefix }
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await database.sql('truncate auto_enroll.audit')
  })

  async function withQueue<T>(use: (queue: EventQueue) => Promise<T>): Promise<T> {
    const queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    return use(queue).finally(() => queue.close())
  }
  const unfinished = () => withQueue((queue) => queue.countUnfinished())

  async function entries() {
    return database.sql('select action, target, result, succeeded from auto_enroll.audit order by id')
  }

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'a backfill ended by %s is interrupted, and how far it got',
    async (signal) => {
      await insertCourses(database, 1)
      await insertUsers(database, 12)
      const backfill = startScript('backfill', ['--max-pending', '5'], env)
      await expect.poll(unfinished, { timeout: 15_000 }).toBe(5)
      backfill.kill(signal)
      await backfill
      expect(await entries()).toEqual([
        {
          action: 'backfill',
          target: null,
          result: `interrupted by ${signal}; 5 users were queued`,
          succeeded: false,
        },
      ])
    },
  )

  it('a backfill that was killed is cut off', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 12)
    const backfill = startScript('backfill', ['--max-pending', '5'], env)
    await expect.poll(unfinished, { timeout: 15_000 }).toBe(5)
    expect((await runScript('audit', [], env)).stdout).toMatch(/ … \S+ by a command: backfill: in progress/)
    await expect
      .poll(() => database.sql('select progress from auto_enroll.audit'), { timeout: 10_000 })
      .toEqual([{ progress: '5 users were queued' }])
    backfill.kill('SIGKILL')
    await backfill
    await database.sql(`update auto_enroll.audit set seen_at = seen_at - interval '1 minute'`)
    const { stdout } = await runScript('audit', [], env)
    expect(stdout).toMatch(
      / ✗ \S+ by a command: backfill: cut off; the last that is known: 5 users were queued$/,
    )
  })

  it('a rollback names its window, and how far it got when it was interrupted', async () => {
    const [courseId = ''] = await insertCourses(database, 1)
    // More than one statement removes.
    await insertUsers(database, 5001)
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status) select 'cae' || md5(id), id, $1, 'active' from "User"`,
      [courseId],
    )
    const target = '2021-01-01T00:00:00.000Z to 2100-01-01T00:00:00.000Z'
    const flags = ['--since', '2021-01-01', '--until', '2100-01-01', '--yes']
    await database.sql('begin')
    await database.sql('select from "Enrollment" for update')
    const first = startScript('rollback', flags, env)
    await statementsWaiting(database)
    first.kill('SIGINT')
    await database.sql('rollback')
    expect((await first).exitCode).toBe(1)
    await runScript('rollback', flags, env)
    expect(await entries()).toEqual([
      {
        action: 'rollback',
        target,
        result: 'interrupted by SIGINT; the queue is paused; 5000 of 5001 enrollments removed',
        succeeded: false,
      },
      { action: 'rollback', target, result: 'the queue is paused; 1 enrollments removed', succeeded: true },
    ])
  })

  it('a retry names its cause, and how far it got when it was interrupted', async () => {
    await insertCourses(database, 1)
    const userIds = await insertUsers(database, 60)
    await database.sql(`alter table "Enrollment" add constraint closed check (status <> 'active') not valid`)
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place })
    await withQueue((queue) => queue.addMany(userIds.map((userId) => event(userId))))
    await expect.poll(() => withQueue((queue) => queue.bull().getFailedCount()), { timeout: 15_000 }).toBe(60)
    await worker.close()
    await database.sql('alter table "Enrollment" drop constraint closed')

    const retry = startScript(
      'retry-failed',
      ['--cause', '23514', '--per-second', '1', '--yes', '--json'],
      env,
    )
    await expect.poll(unfinished, { timeout: 15_000 }).toBe(50)
    retry.kill('SIGINT')
    const { exitCode, stdout } = await retry
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ status: 'interrupted', found: 60, retried: 50 })
    expect(await entries()).toEqual([
      {
        action: 'retry-failed',
        target: '23514',
        result: 'interrupted by SIGINT; 50 of 60 jobs put back',
        succeeded: false,
      },
    ])
  })

  it('pausing does not wait for a locked audit log, and says that it is not recorded', async () => {
    const unlocked = await runScript('pause', [], env)
    await runScript('resume', [], env)
    await database.sql('begin')
    await database.sql('lock table auto_enroll.audit in access exclusive mode')
    const { exitCode, stdout, stderr, durationMs } = await runScript('pause', [], env)
    const asJson = await runJson('pause', [], env)
    await database.sql('rollback')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(
      /^Paused\..*\nThis was done, but could not be written to the audit log: (another transaction holds a lock on it|no answer within 1000 ms)\.$/,
    )
    expect(stderr).toContain('not written to the audit log')
    expect(durationMs - unlocked.durationMs).toBeLessThan(4000)
    expect(asJson).toMatchObject({
      paused: true,
      notAudited: expect.stringMatching(/a lock on it|no answer/),
    })
    expect(await withQueue((queue) => queue.isPaused())).toBe(true)
    expect(await entries()).toMatchObject([{ action: 'pause' }, { action: 'resume' }])
  })

  it('pausing without a database says that it is not recorded', async () => {
    const { DATABASE_URL: _, ...withoutDatabase } = env
    const { exitCode, stdout } = await runScript('pause', [], withoutDatabase)
    expect(exitCode).toBe(0)
    expect(stdout).toContain('could not be written to the audit log: DATABASE_URL is not set.')
  })

  it('somebody who became another user by sudo is named', async () => {
    await runScript('pause', [], { ...env, SUDO_USER: 'olga' })
    expect((await runScript('audit', [], env)).stdout).toMatch(/✓ olga as \S+ by a command: pause: paused; /)
  })
})
