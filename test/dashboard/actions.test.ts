import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import type { RunningWorker } from '../../worker/run.js'
import { countEnrollments, enrollmentsOf, insertCourses, insertUsers } from '../support/application.js'
import { basic, OPERATOR, overviewOf, post, startTestDashboard } from '../support/dashboard.js'
import { event } from '../support/event.js'
import { runScript } from '../support/process.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

/** Takes the list of waiting jobs from the queue, as an eviction does, and leaves the deduplication key. */
async function loseJobs(queue: EventQueue): Promise<void> {
  const { client } = queue.link
  if (client instanceof pg.Pool) await client.query(`delete from job`)
  else await client.del(queue.bull().toKey('wait'), queue.bull().toKey('paused'))
}

describe.each(BACKENDS)('what operators do, with the queue on %s', (backend) => {
  const database = useDatabase()
  let place: ReturnType<typeof queuePlace>
  let env: Record<string, string>
  let queue: EventQueue
  let worker: RunningWorker
  let dashboard: RunningDashboard

  beforeAll(async () => {
    place = queuePlace(backend, database)
    env = { DATABASE_URL: database.url, QUEUE_URL: place.url, QUEUE_PREFIX: place.prefix }
    queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    worker = await startTestWorker({ databaseUrl: database.url, queue: place })
    dashboard = await startTestDashboard({ databaseUrl: database.url, queue: place })
  })
  afterAll(async () => {
    await dashboard.close()
    await worker.close()
    await queue.close()
  })
  beforeEach(async () => {
    await queue.bull().obliterate({ force: true })
    await queue.resume()
    await database.sql('alter table "Enrollment" drop constraint if exists closed')
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await database.sql('truncate auto_enroll.audit, auto_enroll.pause')
  })

  function page(path: string): Promise<string> {
    return fetch(dashboard.url + path, { headers: basic(OPERATOR) }).then((response) => response.text())
  }

  function audited() {
    return database.sql(
      'select who, "through", action, target, result, succeeded from auto_enroll.audit order by id',
    )
  }

  /** Jobs of as many users that failed for good: their enrollments are refused. */
  async function failJobs(users: number): Promise<string[]> {
    await insertCourses(database, 1)
    const userIds = await insertUsers(database, users)
    await database.sql(`alter table "Enrollment" add constraint closed check (status <> 'active') not valid`)
    await queue.addMany(userIds.map((userId) => event(userId)))
    await expect.poll(() => queue.bull().getFailedCount()).toBe(users)
    return userIds
  }

  it('records who paused and who resumed, on the page and by a command', async () => {
    await post(dashboard, '/pause', OPERATOR)
    expect(await queue.isPaused()).toBe(true)
    expect(await runScript('resume', [], env)).toMatchObject({ exitCode: 0 })
    expect(await queue.isPaused()).toBe(false)
    expect(await audited()).toMatchObject([
      {
        who: OPERATOR.name,
        through: 'page',
        action: 'pause',
        result: 'paused; 0 jobs waiting',
        succeeded: true,
      },
      { through: 'command', action: 'resume', result: 'resumed; 0 unfinished jobs', succeeded: true },
    ])
    const { stdout, exitCode } = await runScript('audit', [], env)
    expect(exitCode).toBe(0)
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/✓ \S+ by a command: resume: resumed; 0 unfinished jobs$/),
      expect.stringMatching(/✓ anna on the page: pause: paused; 0 jobs waiting$/),
    ])
  })

  it('previews a backfill and queues nobody, then queues everybody', async () => {
    await insertCourses(database, 2)
    await insertUsers(database, 23)
    expect(await page('/backfill')).toContain('23 users without an enrollment would be queued')
    expect(await queue.countUnfinished()).toBe(0)
    expect(await countEnrollments(database)).toBe(0)

    await post(dashboard, '/backfill', OPERATOR)
    await expect.poll(() => countEnrollments(database)).toBe(46)
    await expect
      .poll(audited)
      .toMatchObject([{ action: 'backfill', result: '23 users queued', succeeded: true }])
    expect(await page('/backfill')).toContain('Everyone has an enrollment.')
  })

  it('records a backfill and a rollback by commands, and names who paused by rolling back', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 2)
    expect(await runScript('backfill', [], env)).toMatchObject({ exitCode: 0 })
    await expect.poll(() => countEnrollments(database)).toBe(2)
    const rolledBack = await runScript(
      'rollback',
      ['--since', '2020-01-01', '--until', '2100-01-01', '--yes'],
      env,
    )
    expect(rolledBack).toMatchObject({ exitCode: 0 })
    expect(await audited()).toMatchObject([
      { action: 'backfill', through: 'command', result: expect.stringMatching(/^2 users were queued/) },
      { action: 'rollback', through: 'command', result: 'the queue is paused; 2 enrollments removed' },
    ])
    await expect.poll(async () => (await overviewOf(dashboard)).verdict).toMatch(/^Paused by \S+ since/)
  })

  it('retries the jobs of one cause and no other', async () => {
    await failJobs(3)
    await queue.bull().add('mistaken', event('somebody'))
    await expect.poll(() => queue.bull().getFailedCount()).toBe(4)

    const listed = await runScript('retry-failed', ['--json'], env)
    const { found, causes } = JSON.parse(listed.stdout) as {
      found: number
      causes: { cause: { id: string; code?: string }; jobs: number }[]
    }
    expect({ found, exitCode: listed.exitCode }).toEqual({ found: 4, exitCode: 0 })
    expect(causes).toMatchObject([{ jobs: 3, cause: { code: '23514' } }, { jobs: 1 }])
    expect(await queue.bull().getFailedCount()).toBe(4)

    await database.sql('alter table "Enrollment" drop constraint closed')
    const causeId = causes[0]?.cause.id ?? ''
    await expect.poll(() => page(`/retry?cause=${causeId}`)).toContain('Retry 3 failed jobs?')
    await post(dashboard, '/retry', OPERATOR, { cause: causeId })
    await expect.poll(() => countEnrollments(database)).toBe(3)
    expect(await queue.bull().getFailedCount()).toBe(1)
    await expect
      .poll(audited)
      .toMatchObject([{ action: 'retry-failed', target: causeId, result: '3 jobs put back' }])
  })

  it('retries by a command, as a preview unless confirmed, and gives the jobs all their attempts again', async () => {
    await failJobs(2)
    const dry = await runScript('retry-failed', ['--cause', '23514'], env)
    expect(dry.stdout).toMatch(
      /2 {2}a check constraint refuses[\s\S]*2 failed jobs would be put back\. Nothing was changed/,
    )
    expect(await queue.bull().getFailedCount()).toBe(2)
    await queue.pause()
    const done = await runScript('retry-failed', ['--cause', '23514', '--yes'], env)
    expect(done).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('2 of 2 failed jobs were put back.'),
    })
    const jobs = await queue.bull().getJobs(['waiting'])
    expect(jobs.map((job) => job.attemptsMade)).toEqual([0, 0])
    const unknown = await runScript('retry-failed', ['--cause', 'nothing'], env)
    expect(unknown).toMatchObject({
      exitCode: 0,
      stdout: 'No job has failed for good; there is nothing to retry.',
    })
  })

  it('names the causes there are when asked for another', async () => {
    await failJobs(1)
    const { exitCode, stderr } = await runScript('retry-failed', ['--cause', 'E1', '--yes'], env)
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/no failed job has the cause "E1"; the causes are [0-9a-f]{10}\./)
  })

  it('explains a user who is enrolled, and by whom', async () => {
    const [first, second] = await insertCourses(database, 2)
    const [userId = ''] = await insertUsers(database, 1)
    await database.sql('insert into "Enrollment" (id, "userId", "courseId") values ($1, $2, $3)', [
      'own',
      userId,
      first,
    ])
    const partly = await runScript('explain', [userId], env)
    expect(partly.stdout).toMatch(
      /^Enrolled in 1 course since \d\d:\d\d UTC by hand, not in “Course c[\w-]+”/,
    )
    await queue.add(event(userId))
    await expect.poll(() => enrollmentsOf(database, userId)).toHaveProperty(second ?? '')
    const { stdout, exitCode } = await runScript('explain', [`${userId}@EXAMPLE.com`, '--json'], env)
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      found: true,
      enrolled: true,
      sentence: expect.stringMatching(
        /^Enrolled in every published course \(2\) since .*, partly by hand\.$/,
      ),
      jobs: [{ state: 'completed', outcome: 'enrolled', source: 'credentials' }],
    })
  })

  it('explains a user who is not enrolled, and why', async () => {
    const [userId = ''] = await failJobs(1)
    const { stdout, exitCode } = await runScript('explain', [userId], {
      ...env,
      RECONCILE_INTERVAL_MS: '40000',
    })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(
      /^Not enrolled: the job failed once, last at \d\d:\d\d UTC, because a check constraint refuses the enrollment \(.*closed.*\); the reconciler queues the user again by \d\d:\d\d:\d\d UTC at the latest \(in 40 s\)\.\n/,
    )
    expect(await page(`/users?q=${userId}`)).toContain('because a check constraint refuses the enrollment')
  })

  it('explains a user who waits, and one whom the queue does not know', async () => {
    await insertCourses(database, 1)
    const [waiting = '', unknown = ''] = await insertUsers(database, 2)
    await queue.pause()
    await queue.add(event(waiting))
    expect((await runScript('explain', [waiting], env)).stdout).toMatch(
      /^Not enrolled: queued at \d\d:\d\d UTC, but the queue is paused\./,
    )
    expect((await runScript('explain', [unknown], env)).stdout).toMatch(
      /^Not enrolled: the queue has no job of this user, so .*; nothing queues the user while the queue is paused\./,
    )
  })

  it('says when the next try is, and promises none while the queue is paused', async () => {
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await queue.bull().add('user.created', event(userId), { deduplication: { id: userId }, delay: 720_000 })
    expect((await runScript('explain', [userId], env)).stdout).toMatch(
      /; next try at (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC \(in 11 min\)\./,
    )
    await queue.pause()
    expect((await runScript('explain', [userId], env)).stdout).toMatch(
      /; no next try while the queue is paused\./,
    )
  })

  it('says how long the reconciler leaves a user alone whose jobs fail again and again', async () => {
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    for (let round = 0; round < 5; round += 1) await queue.bull().add('mistaken', event(userId, 'reconcile'))
    await expect.poll(() => queue.bull().getFailedCount()).toBe(5)
    const explained = await runScript('explain', [userId], { ...env, RECONCILE_INTERVAL_MS: '60000' })
    expect(explained.stdout).toMatch(
      /the reconciler queues the user again by .* at the latest \(in 16 min\)\./,
    )
  })

  it('says so when the queue has lost the event of a user', async () => {
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await queue.pause()
    await queue.add(event(userId))
    await loseJobs(queue)
    await queue.resume()
    expect((await runScript('explain', [userId], env)).stdout).toMatch(
      /^Not enrolled: an event was queued, but the queue no longer holds it: .*; the reconciler queues the user by .* at the latest \(in 60 s\)\./,
    )
  })

  it('is true of 1,000 courses', async () => {
    const courses = await insertCourses(database, 1000)
    const [userId = ''] = await insertUsers(database, 1)
    await queue.add(event(userId))
    await expect.poll(() => enrollmentsOf(database, userId).then(Object.keys)).toHaveLength(1000)
    const all = await runScript('explain', [userId], env)
    expect(all.stdout).toMatch(/^Enrolled in every published course \(1,000\)/)
    expect(all.stdout).toContain('and 800 more of 1,000 courses, without an enrollment in 0 of them')
    await database.sql('delete from "Enrollment" where "courseId" = $1', [courses.toSorted().at(-1)])
    expect((await runScript('explain', [userId], env)).stdout).toMatch(
      /^Enrolled in 999 courses since .* by auto-enroll, not in “Course c/,
    )
    expect(await page(`/users?q=${userId}`)).toContain(
      'and 800 more of 1,000 courses, without an enrollment in 1 of them.',
    )
  })

  it('finds nobody, and says so', async () => {
    expect(await runScript('explain', ['nobody@example.com'], env)).toMatchObject({
      exitCode: 1,
      stdout: 'There is no user with the id or email nobody@example.com.',
    })
    expect(await runScript('explain', [], env)).toMatchObject({ exitCode: 2 })
    expect(await page('/users?q=%00')).toContain('No such user')
  })

  it('enrolls one user now, before its next attempt is due', async () => {
    const [courseId = ''] = await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await queue.bull().add('user.created', event(userId), { deduplication: { id: userId }, delay: 3_600_000 })
    expect(await page(`/enroll?user=${userId}`)).toContain('a worker enrolls the user in 1 course:')
    const { headers } = await post(dashboard, '/enroll', OPERATOR, { user: userId })
    expect(headers.get('location')).toBe(`/users?q=${userId}`)
    await expect.poll(() => enrollmentsOf(database, userId)).toEqual({ [courseId]: 'active' })
    expect(await audited()).toMatchObject([
      { action: 'enroll', target: userId, result: 'its waiting retry was brought forward', succeeded: true },
    ])
  })

  it('shows nothing personal of failures', async () => {
    await queue.bull().add('user.created', { ...event('u1'), userId: 7 } as never)
    await queue.bull().add('mistaken', event('u2'))
    await expect.poll(() => queue.bull().getFailedCount()).toBe(2)
    const [job] = await queue.bull().getJobs(['failed'])
    expect(job).toBeDefined()
    await expect
      .poll(async () => (await overviewOf(dashboard)).text)
      .toMatch(/the job holds no valid user\.created event/)
  })
})
