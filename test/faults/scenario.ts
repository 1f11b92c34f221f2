import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, type TestContext } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { aclFlags, asRedisUser } from '../support/redis-acl.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { freezePostgres, openScenarioDatabase, type ScenarioDatabase } from './database.js'
import type { Figures } from './figures.js'
import { findLeaks } from './leaks.js'
import { startProxy, type TcpProxy } from './proxy.js'
import type { RedisGroup } from './redis-groups.js'
import { type SignUps, type SignUpsOptions, startSignUps } from './sign-ups.js'
import { until } from './until.js'
import { startWorkerProcess, type WorkerProcess } from './workers.js'

export interface ScenarioOptions {
  queueOn?: 'redis' | 'postgres'
  redisFlags?: readonly string[]
  /** Several servers that look after each other, in place of one; there is no link to break between. */
  group?: () => Promise<RedisGroup>
  /** A Postgres server that this scenario may harm. */
  ownPostgres?: boolean
  postgresFlags?: readonly string[]
  /** The database may refuse sign-ups while it is away: they are counted apart. */
  databaseOutage?: boolean
  /** Workers at the start. */
  workers?: number
  perSecond?: number
  courses?: number
  /** The clocks of the sign-up page and of the workers jump when they are told to by SIGUSR2. */
  jumpingClocks?: boolean
  /** Settings of the workers. */
  env?: Readonly<Record<string, string>>
  /** Milliseconds until everyone must be enrolled after the fault. */
  recoversWithinMs?: number
  /** Waits until everyone is enrolled, and counts who is not; by default everyone needs every published course. */
  lacking?: string
}

/** A sign-up page, its workers, their servers, and the links between them, for a scenario to break. */
export interface Scenario {
  database: ScenarioDatabase
  /** The single server, which the queue is on unless it is on a group or on Postgres. */
  redis: RedisServer
  group: RedisGroup | undefined
  queue: EventQueue
  workers: WorkerProcess[]
  signUps: SignUps
  links: {
    signUpsToDatabase: TcpProxy
    signUpsToQueue: TcpProxy
    workersToDatabase: TcpProxy
    workersToQueue: TcpProxy
  }
  courseIds: readonly string[]
  /** Settings for an administrator's command, as the owner of the database and past every link. */
  adminEnv: Readonly<Record<string, string>>
  startWorker(env?: Readonly<Record<string, string>>, nodeFlags?: readonly string[]): Promise<WorkerProcess>
  startSignUps(options?: Partial<SignUpsOptions>): SignUps
  /** Lets the load run; the one place where time simply passes. */
  during(ms: number): Promise<void>
  /** Marks the end of the fault, from which recovery is counted. */
  faultEnds(): void
  /** Stops the scenario's own Postgres; the function returned lets it go on, as the end of the scenario does. */
  freezePostgres(): Promise<() => void>
}

const JUMPING_CLOCK = fileURLToPath(new URL('./dist/processes/jumping-clock.js', import.meta.url))
const TIMEOUT_MS = 250
/** How much later than a plain timer of `PUBLISH_TIMEOUT_MS` a publish may end, on a machine that is busy breaking things. */
const OVERDUE_MS = 50

/** Sets the stage, lets `act` do its worst, then waits until everyone is enrolled and checks every promise. */
export async function play(
  { task }: TestContext,
  options: ScenarioOptions,
  act: (scenario: Scenario) => Promise<void>,
): Promise<void> {
  const mark = `mark${randomBytes(8).toString('hex')}`
  const redis = await startRedis({ flags: [...(await aclFlags()), ...(options.redisFlags ?? [])] })
  const group = await options.group?.()
  const database = await openScenarioDatabase(options.ownPostgres ?? false, options.postgresFlags)
  const courseIds = await insertCourses(database, options.courses ?? 2)
  const queueOnRedis = options.queueOn !== 'postgres'
  const queuePort = queueOnRedis ? redis.port : database.port
  const links = {
    signUpsToDatabase: await startProxy(database.port),
    signUpsToQueue: await startProxy(queuePort),
    workersToDatabase: await startProxy(database.port),
    workersToQueue: await startProxy(queuePort),
  }
  const queueUrl = (databaseUrl: string, port: number) =>
    group?.queueUrl ?? (queueOnRedis ? `redis://127.0.0.1:${port}` : through(databaseUrl, port))
  const prefix = '{auto-enroll}'
  const queue = openQueue({
    url: queueUrl(database.url, queuePort),
    prefix,
    timeoutMs: 5000,
    onError: () => undefined,
  })
  const workers: WorkerProcess[] = []
  const loads: SignUps[] = []
  const nodeFlags = options.jumpingClocks ? ['--import', JUMPING_CLOCK] : []
  let thaw = () => {}
  let faultEndedAt = Date.now()

  const scenario: Omit<Scenario, 'signUps'> = {
    database,
    redis,
    group,
    queue,
    workers,
    links,
    courseIds,
    adminEnv: {
      DATABASE_URL: database.url,
      QUEUE_URL: queueUrl(database.url, queuePort),
      QUEUE_PREFIX: prefix,
    },
    async startWorker(env = {}, moreFlags = nodeFlags) {
      const worker = await startWorkerProcess(
        {
          DATABASE_URL: through(database.workerUrl, links.workersToDatabase.port),
          QUEUE_URL: asRedisUser(
            queueUrl(database.workerUrl, links.workersToQueue.port),
            'auto-enroll-worker',
          ),
          QUEUE_PREFIX: prefix,
          RECONCILE_INTERVAL_MS: '2000',
          ...options.env,
          ...env,
        },
        moreFlags,
      )
      workers.push(worker)
      return worker
    },
    startSignUps(more = {}) {
      const load = startSignUps({
        databaseUrl: through(database.applicationUrl, links.signUpsToDatabase.port),
        queueUrl: asRedisUser(
          queueUrl(database.applicationUrl, links.signUpsToQueue.port),
          'auto-enroll-sign-up',
        ),
        prefix,
        timeoutMs: TIMEOUT_MS,
        enabled: true,
        perSecond: options.perSecond ?? 20,
        mark: `${mark}-${loads.length}`,
        nodeFlags,
        ...more,
      })
      loads.push(load)
      return load
    },
    during: (ms) => delay(ms),
    faultEnds() {
      faultEndedAt = Date.now()
    },
    async freezePostgres() {
      if (database.server === undefined) throw new Error('this Postgres is shared: give the scenario its own')
      thaw = await freezePostgres(database.server)
      return thaw
    },
  }

  try {
    for (let count = 0; count < (options.workers ?? 1); count += 1) await scenario.startWorker()
    const signUps = scenario.startSignUps()
    await until('the first sign-up', () => signUps.reports.length > 0)
    await act({ ...scenario, signUps })
    const exitCodes = await Promise.all(loads.map((load) => load.stop()))
    await everyoneEnrolled(database, options, faultEndedAt)
    const figures: Figures = {
      scenario: `${task.suite?.name ?? 'soak'}: ${task.name}`,
      ...countReports(loads),
      ...(await readOutcome(database, options, faultEndedAt)),
      failedJobs: await queue.bull().getFailedCount(),
    }
    task.meta.figures = figures
    const metrics = await Promise.all(workers.map((worker) => worker.get('/metrics').catch(() => undefined)))
    const abandoned = await Promise.all(
      workers.filter((worker) => worker.running()).map((worker) => worker.stop()),
    )
    const leaks = await findLeaks(mark, {
      servers: [redis, ...(group?.servers ?? [])],
      database,
      written: [...workers, ...loads].map((process) => process.output()).concat(JSON.stringify(metrics)),
    })
    expect(leaks, 'names, emails and passwords that were written where they should not be').toEqual([])
    expect(exitCodes.filter((code) => code !== 0 && code !== null)).toEqual([])
    expect(abandoned.filter((code) => code !== 0 && code !== null)).toEqual([])
    expectPromises(figures, options, loads)
  } catch (error) {
    throw new Error(`what the processes said:\n${gist([...workers, ...loads])}`, { cause: error })
  } finally {
    thaw()
    await Promise.allSettled([
      ...workers.map((worker) => worker.stop('SIGKILL')),
      ...loads.map((load) => load.stop()),
      queue.close(),
    ])
    await Promise.allSettled([
      ...Object.values(links).map((link) => link.close()),
      redis.stop('SIGKILL'),
      group?.stop(),
    ])
    await database.close()
  }
}

function expectPromises(figures: Figures, options: ScenarioOptions, loads: readonly SignUps[]): void {
  const reports = loads.flatMap((load) => load.reports)
  const reasons = reports.filter(({ outcome }) => outcome !== 'signed up').map(({ reason }) => reason)
  const unexpected = options.databaseOutage ? figures.failed : figures.failed + figures.notCommitted
  expect(unexpected, `sign-ups that failed: ${[...new Set(reasons)].join('; ')}`).toBe(0)
  expect(figures.signUps).toBeGreaterThan(0)
  expect(
    Math.max(...reports.map(({ overdueMs }) => overdueMs)),
    'publishing outlasted its timeout',
  ).toBeLessThan(OVERDUE_MS)
  expect(figures.lost, 'users who lack a published course').toBe(0)
  expect(figures.duplicates).toBe(0)
}

/** Each message once, with how often it was written. */
function gist(processes: readonly { output(): string }[]): string {
  const counts = new Map<string, number>()
  for (const line of processes.flatMap((process) => process.output().split('\n'))) {
    const [, message = line] = /("err":.*|"msg":.*)/.exec(line) ?? []
    counts.set(message, (counts.get(message) ?? 0) + 1)
  }
  return [...counts].map(([message, count]) => `${count} × ${message.slice(0, 300)}`).join('\n')
}

function countReports(loads: readonly SignUps[]) {
  const reports = loads.flatMap((load) => load.reports)
  const count = (outcome: string) => reports.filter((report) => report.outcome === outcome).length
  return {
    signUps: reports.length,
    failed: count('failed'),
    notCommitted: count('not committed'),
    longestPublishMs: Math.round(Math.max(0, ...reports.map(({ publishMs }) => publishMs))),
  }
}

/** Users who lack one of the courses that are published now. */
const LACKING_A_PUBLISHED_COURSE = `
  select u.id from "User" u where exists (
    select from "Course" c where c."isPublished"
      and not exists (select from "Enrollment" e where e."userId" = u.id and e."courseId" = c.id)
  )`

async function everyoneEnrolled(
  database: ScenarioDatabase,
  { lacking = LACKING_A_PUBLISHED_COURSE, recoversWithinMs = 90_000 }: ScenarioOptions,
  faultEndedAt: number,
): Promise<void> {
  const deadline = faultEndedAt + recoversWithinMs
  while (Date.now() < deadline) {
    const [row] = await database
      .sql<{ count: number }>(`select count(*)::int from (${lacking}) lacking`)
      .catch(() => [])
    if (row?.count === 0) return
    await delay(200)
  }
}

async function readOutcome(
  database: ScenarioDatabase,
  { lacking = LACKING_A_PUBLISHED_COURSE }: ScenarioOptions,
  faultEndedAt: number,
) {
  const [row] = await database.sql<{
    committed: number
    lost: number
    duplicates: number
    last: string | null
  }>(
    `select (select count(*)::int from "User") as committed,
      (select count(*)::int from (${lacking}) lacking) as lost,
      (select count(*) - count(distinct ("userId", "courseId")) from "Enrollment")::int as duplicates,
      (select extract(epoch from max(e."enrolledAt")) * 1000 from "Enrollment" e join "User" u on u.id = e."userId"
        where u."createdAt" <= to_timestamp($1) at time zone 'UTC') as last`,
    [faultEndedAt / 1000],
  )
  if (row === undefined) throw new Error('the database answered a count with no row')
  return {
    committed: row.committed,
    lost: row.lost,
    duplicates: row.duplicates,
    recoveryMs: Math.max(0, Math.round(Number(row.last ?? 0) - faultEndedAt)),
  }
}

async function insertCourses(database: ScenarioDatabase, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `course-${index + 1}`)
  await database.sql(
    `insert into "Course" (id, title, "isPublished") select id, id, true from unnest($1::text[]) id
     union all select 'draft', 'draft', false`,
    [ids],
  )
  return ids
}

function through(url: string, port: number): string {
  const address = new URL(url)
  address.port = String(port)
  return address.href
}
