import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openQueue } from '../../queue/open.js'
import { countEnrollments, enrollmentsOf, insertCourses, insertUsers } from '../support/application.js'
import { runJson, runScript, startScript } from '../support/process.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

describe.each(BACKENDS)('the commands, with the queue on %s', (backend) => {
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let env: Record<string, string>

  beforeAll(() => {
    place = queuePlace(backend, database)
    env = { DATABASE_URL: database.url, QUEUE_URL: place.url, QUEUE_PREFIX: place.prefix, LOG_LEVEL: 'warn' }
  })
  beforeEach(async () => {
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await withQueue((queue) => queue.bull().obliterate({ force: true }))
  })

  async function withQueue<T>(use: (queue: ReturnType<typeof openQueue>) => Promise<T>): Promise<T> {
    const queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    return use(queue).finally(() => queue.close())
  }
  const unfinished = () => withQueue((queue) => queue.countUnfinished())

  async function queueUsers(userIds: readonly string[]): Promise<void> {
    const occurredAt = new Date().toISOString()
    await withQueue((queue) =>
      queue.addMany(userIds.map((userId) => ({ v: 1, userId, source: 'admin', occurredAt }))),
    )
  }

  async function catchUp(): Promise<void> {
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place })
    await expect.poll(unfinished, { timeout: 15_000 }).toBe(0)
    await worker.close()
  }

  it('migrate changes nothing if everything exists', async () => {
    const queueSchema = backend === 'redis' ? null : 'bullmq'
    expect(await runJson('migrate', [], env)).toMatchObject({ exitCode: 0, created: false, queueSchema })
  })

  it('backfill, the worker, verify: everyone is enrolled once, and a second backfill finds nobody', async () => {
    await insertCourses(database, 2)
    await insertUsers(database, 30)
    expect(await runJson('verify', [], env)).toMatchObject({ exitCode: 1, ok: false, withoutEnrollment: 30 })

    expect(await runJson('backfill', [], env)).toMatchObject({ exitCode: 0, users: 30, queued: 30 })
    await catchUp()

    expect(await runJson('verify', [], env)).toEqual({
      exitCode: 0,
      ok: true,
      users: 30,
      withEnrollment: 30,
      withoutEnrollment: 0,
      coverage: 100,
      enrollments: 60,
      publishedCourses: 2,
      partlyEnrolled: 0,
      missingEnrollments: 0,
      duplicates: 0,
    })
    await insertCourses(database, 1)
    expect(await runScript('verify', [], env)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(
        '✓ everyone has a course, nobody twice; 30 users lack courses published later',
      ),
    })
    expect(await runJson('backfill', [], env)).toMatchObject({ exitCode: 0, users: 0, queued: 0 })
  })

  it('a second backfill finishes one that was interrupted while it waited for the workers', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 12)
    const first = startScript('backfill', ['--max-pending', '5', '--json'], env)
    await expect.poll(unfinished, { timeout: 15_000 }).toBe(5)
    first.kill('SIGINT')
    const { exitCode, stdout } = await first
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ users: 5, queued: 5, interrupted: true })

    expect(await runJson('backfill', [], env)).toMatchObject({ exitCode: 0, users: 12, queued: 7 })
    await catchUp()
    expect(await countEnrollments(database)).toBe(12)
  })

  it('pause keeps events waiting until resume', async () => {
    await insertCourses(database, 1)
    await queueUsers(await insertUsers(database, 3))
    expect(await runJson('pause', [], env)).toEqual({
      exitCode: 0,
      paused: true,
      unfinished: 3,
      remembered: true,
    })
    const again = await runScript('backfill', [], env)
    expect(again.stdout).toContain('The queue is paused: npm run resume')
    expect(await runJson('resume', [], env)).toEqual({ exitCode: 0, paused: false, unfinished: 3 })
    await catchUp()
    expect(await countEnrollments(database)).toBe(3)
  })

  it('rollback removes only what auto-enroll created in the period and nobody changed', async () => {
    const [kept = '', course = ''] = await insertCourses(database, 2)
    const [byHand = '', changed = '', early = '', own = ''] = await insertUsers(database, 4)
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status) values ('by-hand', $1, $2, 'active')`,
      [byHand, kept],
    )
    await queueUsers([changed, early, own])
    await catchUp()
    await database.sql(`update "Enrollment" set status = 'completed' where "userId" = $1`, [changed])
    await database.sql(`update "Enrollment" set "enrolledAt" = '2020-01-01' where "userId" = $1`, [early])
    const before = await countEnrollments(database)

    const preview = await runJson('rollback', ['--since', '2021-01-01'], env)
    expect(preview).toMatchObject({
      exitCode: 0,
      status: 'preview',
      found: 2,
      removed: 0,
      paused: false,
      courses: expect.arrayContaining([expect.objectContaining({ courseId: course, enrollments: 1 })]),
    })
    expect(await countEnrollments(database)).toBe(before)
    expect(await withQueue((queue) => queue.isPaused())).toBe(false)

    const done = await runScript('rollback', ['--since', '2021-01-01', '--yes'], env)
    expect(done.exitCode).toBe(0)
    expect(done.stdout).toMatch(
      /^2 enrollments from 2021-01-01T00:00:00\.000Z to .* were removed\. The queue is paused/m,
    )
    expect(await withQueue((queue) => queue.isPaused())).toBe(true)
    expect(await enrollmentsOf(database, own)).toEqual({})
    expect(await enrollmentsOf(database, byHand)).toEqual({ [kept]: 'active' })
    expect(Object.values(await enrollmentsOf(database, changed))).toEqual(['completed', 'completed'])
    expect(Object.keys(await enrollmentsOf(database, early))).toHaveLength(2)
  })
})

describe('backfill', () => {
  const database = useDatabase()
  let env: Record<string, string>

  beforeAll(() => {
    env = { DATABASE_URL: database.url, QUEUE_URL: database.url }
  })
  beforeEach(() => database.sql('truncate "User", "Course", "Enrollment" cascade'))

  async function unfinished(): Promise<number> {
    const queue = openQueue({
      ...queuePlace('postgres', database),
      timeoutMs: 5000,
      onError: () => undefined,
    })
    return queue.countUnfinished().finally(() => queue.close())
  }

  it('says that no course is published, queues nobody, and exits 0', async () => {
    await insertUsers(database, 1)
    const ran = await runScript('backfill', [], env)
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' })
    expect(ran.stdout).toContain('No course is published')
    expect(await unfinished()).toBe(0)
  })

  it('shows with --dry-run the first 20 and the totals, and queues nothing', async () => {
    await insertCourses(database, 2)
    await insertUsers(database, 25)
    const { stdout, exitCode } = await runScript('backfill', ['--dry-run'], env)
    expect(exitCode).toBe(0)
    expect(stdout.match(/^would enroll u\S+@example\.com \(u\S+\) in 2 courses$/gm)).toHaveLength(20)
    expect(stdout).toMatch(
      /… and 5 more\n25 users would be enrolled in 2 courses each: 50 enrollments\. Nothing was queued\.$/,
    )
    expect(await unfinished()).toBe(0)
  })
})

describe('rollback with ids that cannot carry the mark', () => {
  const database = useDatabase()

  it('removes nothing, leaves the queue alone and exits 1', async () => {
    await database.sql(`
      alter table "Enrollment" drop id;
      alter table "Enrollment" add id bigserial primary key;
      insert into "User" (id, email, name) values ('u', 'u@example.com', 'U');
      insert into "Course" (id, title) values ('c', 'C');
      insert into "Enrollment" ("userId", "courseId") values ('u', 'c')
    `)
    const ran = await runScript('rollback', ['--since', '2020-01-01', '--yes'], {
      DATABASE_URL: database.url,
      QUEUE_URL: database.url,
    })
    expect(ran).toMatchObject({ exitCode: 1, stdout: '' })
    expect(ran.stderr).toContain(
      '"Enrollment"."id" is of type bigint, which cannot carry auto-enroll\'s mark',
    )
    expect(await countEnrollments(database)).toBe(1)
    const queue = openQueue({
      ...queuePlace('postgres', database),
      timeoutMs: 5000,
      onError: () => undefined,
    })
    expect(await queue.isPaused().finally(() => queue.close())).toBe(false)
  })
})

describe('verify', () => {
  const database = useDatabase()

  it('finds duplicate enrollments if the unique key is missing', async () => {
    await database.sql(`
      drop index "Enrollment_userId_courseId_key";
      insert into "User" (id, email, name) values ('u', 'u@example.com', 'U');
      insert into "Course" (id, title, "isPublished") values ('c', 'C', true);
      insert into "Enrollment" (id, "userId", "courseId") values ('1', 'u', 'c'), ('2', 'u', 'c')
    `)
    const ran = await runScript('verify', [], { DATABASE_URL: database.url })
    expect(ran.exitCode).toBe(1)
    expect(ran.stdout).toMatch(/^duplicates +1$/m)
    expect(ran.stdout).toContain('✗ someone is enrolled twice')
  })
})

describe('migrate', () => {
  const database = useDatabase({ ddl: 'select' })

  it('creates the tables in an empty database, and refuses if only some of them exist', async () => {
    const env = { DATABASE_URL: database.url }
    expect(await runJson('migrate', [], env)).toMatchObject({ exitCode: 0, created: true, queueSchema: null })
    await database.sql('drop table "Enrollment"')
    const ran = await runScript('migrate', [], env)
    expect(ran).toMatchObject({ exitCode: 1, stdout: '' })
    expect(ran.stderr).toContain('but not "Enrollment"')
  })
})
