import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openQueue } from '../../queue/open.js'
import { type Flow, judgeFlow } from '../../scripts/doctor/flow.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { applicationDdl } from '../support/application-schema.js'
import { complaintsOfDoctor, diagnosisOf } from '../support/doctor.js'
import { runJson, runScript } from '../support/process.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

describe.each(BACKENDS)('doctor, of people who are not enrolled, with the queue on %s', (backend) => {
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let env: Record<string, string>

  beforeAll(async () => {
    place = queuePlace(backend, database)
    env = { DATABASE_URL: database.url, QUEUE_URL: place.url, QUEUE_PREFIX: place.prefix, LOG_LEVEL: 'warn' }
    await insertCourses(database, 1)
  })
  beforeEach(async () => {
    await database.sql('truncate "User", "Enrollment", auto_enroll.pause cascade')
    await withQueue((queue) => queue.bull().obliterate({ force: true }))
    await withQueue((queue) => queue.resume())
  })

  async function withQueue<T>(use: (queue: ReturnType<typeof openQueue>) => Promise<T>): Promise<T> {
    const queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    return use(queue).finally(() => queue.close())
  }
  async function found(name: string, more: Record<string, string> = {}) {
    const { checks, ...verdict } = await diagnosisOf({ ...env, ...more })
    const check = checks.find((check) => check.name === name)
    return { ...verdict, status: check?.status, text: `${check?.message} → ${check?.fix}` }
  }

  it('fails when no worker is connected and people wait, and says both', async () => {
    await insertUsers(database, 1234)
    const ran = await runScript('doctor', [], env)
    expect(ran).toMatchObject({ exitCode: 1, stderr: '' })
    expect(ran.stdout).toMatch(/^✗ workers +none is connected, so nobody is enrolled → npm run worker$/m)
    expect(ran.stdout).toMatch(
      /^! coverage +1,234 users have no enrollment → they are enrolled once the above is mended$/m,
    )
    expect(ran.stdout).toMatch(
      /^The worker can run, but no worker is connected and 1,234 users wait\. \(1 ✗, \d !\)$/m,
    )
  })

  it('only warns of having no worker while nobody waits', async () => {
    expect(await found('workers')).toMatchObject({
      ok: true,
      status: 'warning',
      summary: expect.stringMatching(/^The worker can run, but no worker is connected\./),
    })
  })

  it('finds a worker that is connected, and people whom the reconciler will find', async () => {
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place })
    try {
      await insertUsers(database, 2)
      expect(await found('workers')).toMatchObject({
        ok: true,
        status: 'ok',
        text: expect.stringMatching(/^1 connected/),
      })
      expect(await found('coverage')).toMatchObject({
        status: 'warning',
        summary: expect.stringMatching(/^The worker can run\. \(\d !\)$/),
        text: expect.stringMatching(/^2 users have no enrollment → wait: the reconciler looks every/),
      })
      expect(await found('coverage', { RECONCILE_INTERVAL_MS: '0' })).toMatchObject({
        text: expect.stringContaining('npm run backfill'),
      })
    } finally {
      await worker.close()
    }
  })

  it('fails a queue that is paused while people wait, and says who paused it', async () => {
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place })
    try {
      await runJson('pause', [], env)
      expect(await found('consuming')).toMatchObject({ ok: true, status: 'warning' })
      await insertUsers(database, 1)
      expect(await found('consuming')).toMatchObject({
        ok: false,
        status: 'failed',
        summary: expect.stringMatching(/^The worker can run, but the queue is paused and 1 user waits\./),
        text: expect.stringMatching(/^the queue is paused \(by \S+ at \d{4}-\S+Z\); .* → npm run resume$/),
      })
    } finally {
      await worker.close()
    }
  })

  it('finds a limit that is stored in the queue, and fails one under which people wait for long', async () => {
    await withQueue((queue) => queue.bull().setGlobalRateLimit(1, 60_000))
    try {
      expect(await found('limits')).toMatchObject({
        ok: true,
        status: 'warning',
        text: expect.stringMatching(/^the queue itself starts at most 1 job every 60 s → /),
      })
      await insertUsers(database, 3)
      await runScript('backfill', [], env)
      expect(await found('limits')).toMatchObject({
        ok: false,
        status: 'failed',
        text: expect.stringMatching(/every 60 s: what waits now takes 3 min → /),
      })
    } finally {
      await withQueue((queue) => queue.bull().removeGlobalRateLimit())
    }
  })

  it('fails what is switched off while people wait', async () => {
    await insertUsers(database, 1)
    expect(await found('settings', { AUTO_ENROLL_ENABLED: 'false' })).toMatchObject({
      ok: false,
      status: 'failed',
      summary: expect.stringMatching(
        /^The worker can run, but AUTO_ENROLL_ENABLED is false and no worker is connected and 1 user/,
      ),
    })
  })

  it('names why jobs failed for good', async () => {
    await withQueue((queue) =>
      queue
        .bull()
        .addBulk(Array.from({ length: 3 }, () => ({ name: 'user.created', data: { v: 2 } as never }))),
    )
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place })
    await expect.poll(() => withQueue((queue) => queue.bull().getFailedCount()), { timeout: 15_000 }).toBe(3)
    await worker.close()
    expect(await found('failed-jobs')).toMatchObject({
      ok: true,
      status: 'warning',
      text: expect.stringMatching(
        /^3 jobs failed for good: 3 because the job holds no valid user\.created event → .*npm run retry-failed -- --yes$/,
      ),
    })
  })
})

describe('doctor, of the database', () => {
  const database = useDatabase()
  const bare = useDatabase({ ddl: applicationDdl({}) })
  const env = () => ({ DATABASE_URL: database.url, QUEUE_URL: database.url })
  beforeAll(() => insertCourses(database, 1))

  it('names the session that holds up auto-enroll, and does not know how many wait', async () => {
    await database.sql('begin; lock table "Enrollment"')
    const waiting = database.db.selectFrom('Enrollment').select('id').execute()
    try {
      const { stdout } = await runScript('doctor', [], env())
      expect(stdout).toMatch(
        /^! locks +session \d+ \(.*idle in transaction.*\) holds up \d+ of .* on "Enrollment" → .*pg_terminate_backend\(\d+\)$/m,
      )
      expect(stdout).toMatch(/^! coverage +users without an enrollment: \? → npm run verify/m)
      expect(stdout).toContain('but no worker is connected and how many users wait is not known.')
    } finally {
      await database.sql('rollback')
      await waiting
    }
  })

  it('finds its own schema missing, and whether the role may make it', async () => {
    await insertCourses(bare, 1)
    const urls = (url: string) => ({ DATABASE_URL: url, QUEUE_URL: database.url })
    expect((await complaintsOfDoctor(urls(bare.url))).complaints).toEqual([
      expect.stringMatching(/^! own-schema: "auto_enroll" lacks 001-audit, .* → npm run migrate/),
    ])
    await bare.sql(`do $$ begin create role doctor_visitor login password 'secret';
      exception when duplicate_object then null; end $$; grant all on "User", "Course", "Enrollment" to doctor_visitor`)
    const url = Object.assign(new URL(bare.url), { username: 'doctor_visitor', password: 'secret' }).href
    expect((await complaintsOfDoctor(urls(url))).complaints).toEqual([
      expect.stringMatching(/^✗ own-schema: .*, and this role may not make it → npm run migrate with/),
    ])
  })

  it('finds users who share a mailbox, and an email that takes long to find', async () => {
    await database.sql(
      `insert into "User" (id, email, name) values ('1', 'Ada@example.com', 'A'), ('2', 'ada@Example.com', 'A')`,
    )
    await database.sql(
      `insert into "User" (id, email, name) select 'u' || i, i || '@example.com', 'U' from generate_series(1, 20001) i`,
    )
    await database.sql('analyze "User"')
    const { complaints } = await complaintsOfDoctor(env())
    expect(complaints).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^! emails: each sign-up reads all 20,003 users .* → CREATE UNIQUE INDEX/),
        expect.stringMatching(/^! emails: 1 email belongs to several users/),
      ]),
    )
    await database.sql('create index on "User" (lower(email))')
    expect((await complaintsOfDoctor(env())).complaints.join()).not.toContain('each sign-up reads all')
  })
})

describe('the judgement of whether people are being enrolled', () => {
  const flowing: Flow = {
    enabled: true,
    reconcileIntervalMs: 60_000,
    publishedCourses: 2,
    missing: 0,
    workers: 2,
    paused: false,
    waiting: 0,
    oldestWaitingMs: 0,
    idleMs: 1000,
  }
  const judged = (change: Partial<Flow>) => judgeFlow({ ...flowing, ...change })

  it('finds nothing wrong while events are done, however many and old', () => {
    expect(judged({ waiting: 9000, oldestWaitingMs: 3_600_000 })).toMatchObject({ obstacles: [] })
    expect(judged({ waiting: 9, oldestWaitingMs: 50_000, idleMs: undefined })).toMatchObject({
      obstacles: [],
    })
  })

  it('finds workers that are connected and finish nothing', () => {
    const { checks, obstacles, people } = judged({ waiting: 9, oldestWaitingMs: 600_000, idleMs: 240_000 })
    expect(obstacles).toEqual(['nothing has finished for 4 min'])
    expect(people).toBe('9 events wait')
    expect(checks).toContainEqual(expect.objectContaining({ name: 'waiting', status: 'failed' }))
    expect(judged({ waiting: 9, oldestWaitingMs: 600_000, idleMs: undefined }).obstacles).toEqual([
      'nothing has finished for 10 min',
    ])
  })

  it('lets nobody wait where no course is published', () => {
    expect(judged({ publishedCourses: 0, missing: 5, workers: 0 })).toMatchObject({ people: undefined })
  })

  it('claims nothing of what could not be read', () => {
    const unread = { enabled: true, reconcileIntervalMs: 0 }
    expect(judgeFlow(unread)).toMatchObject({ checks: [], obstacles: [] })
  })
})
