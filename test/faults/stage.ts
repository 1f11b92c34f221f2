import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { aclFlags, asRedisUser } from '../support/redis-acl.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { freezePostgres, openScenarioDatabase, type ScenarioDatabase } from './database.js'
import { startProxy, type TcpProxy } from './proxy.js'
import type { RedisGroup } from './redis-groups.js'
import { type SignUps, type SignUpsOptions, startSignUps } from './sign-ups.js'
import { startWorkerProcess, type WorkerProcess } from './workers.js'

export interface ScenarioOptions {
  queueOn?: 'redis' | 'postgres'
  redisFlags?: readonly string[]
  /** Several servers with failover instead of one. There is no relay in between to break. */
  group?: () => Promise<RedisGroup>
  /** A Postgres server that this scenario may harm. */
  ownPostgres?: boolean
  postgresFlags?: readonly string[]
  /** The database may refuse sign-ups while it is down; they are counted separately. */
  databaseOutage?: boolean
  /** Workers at the start. */
  workers?: number
  perSecond?: number
  courses?: number
  /** The clocks of the sign-up process and the workers jump on SIGUSR2. */
  jumpingClocks?: boolean
  /** Settings of the workers. */
  env?: Readonly<Record<string, string>>
  /** Milliseconds after the fault by which everyone must be enrolled. */
  recoversWithinMs?: number
  /** Waits until everyone is enrolled, and counts who is not. By default everyone needs all published courses. */
  lacking?: string
}

/** A sign-up process, workers, servers, and the connections between them, for a scenario to break. */
export interface Scenario {
  database: ScenarioDatabase
  /** The single Redis that holds the queue, unless a group or Postgres does. */
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
  /** Settings for an administrator's command: as the owner of the database, and without the relays. */
  adminEnv: Readonly<Record<string, string>>
  startWorker(env?: Readonly<Record<string, string>>, nodeFlags?: readonly string[]): Promise<WorkerProcess>
  startSignUps(options?: Partial<SignUpsOptions>): SignUps
  /** Lets the load run. The only place where time simply passes. */
  during(ms: number): Promise<void>
  /** Marks the end of the fault, where recovery time starts. */
  faultEnds(): void
  /** Freezes the scenario's own Postgres. The returned function thaws it, and so does the end of the scenario. */
  freezePostgres(): Promise<() => void>
}

/** A scenario before its sign-ups begin, with what only the checks need. */
export interface Stage extends Omit<Scenario, 'signUps'> {
  loads: readonly SignUps[]
  faultEndedAt(): number
}

const JUMPING_CLOCK = fileURLToPath(new URL('./dist/processes/jumping-clock.js', import.meta.url))
const PREFIX = '{auto-enroll}'
/** `PUBLISH_TIMEOUT_MS` of the sign-ups. */
const TIMEOUT_MS = 250

/** Starts the servers, the relays and the queue. Everything started is in `closing`, even if this fails. */
export async function setStage(
  options: ScenarioOptions,
  mark: string,
  closing: (() => unknown)[],
): Promise<Stage> {
  const flags = [...(await aclFlags()), ...(options.redisFlags ?? [])]
  const redis = await opened(startRedis({ flags }), (server) => server.stop('SIGKILL'))
  const group = options.group && (await opened(options.group(), (servers) => servers.stop()))
  const database = await opened(
    openScenarioDatabase(options.ownPostgres ?? false, options.postgresFlags),
    (opened) => opened.close(),
  )
  const onRedis = options.queueOn !== 'postgres'
  const queuePort = onRedis ? redis.port : database.port
  const queueUrl = (databaseUrl: string, port: number) =>
    group?.queueUrl ?? (onRedis ? `redis://127.0.0.1:${port}` : through(databaseUrl, port))
  const links = {
    signUpsToDatabase: await link(database.port),
    signUpsToQueue: await link(queuePort),
    workersToDatabase: await link(database.port),
    workersToQueue: await link(queuePort),
  }
  const adminEnv = {
    DATABASE_URL: database.url,
    QUEUE_URL: queueUrl(database.url, queuePort),
    QUEUE_PREFIX: PREFIX,
  }
  const place = { url: adminEnv.QUEUE_URL, prefix: PREFIX, timeoutMs: 5000, onError: () => undefined }
  const queue = await opened(Promise.resolve(openQueue(place)), (opened) => opened.close())
  const nodeFlags = options.jumpingClocks ? ['--import', JUMPING_CLOCK] : []
  const workers: WorkerProcess[] = []
  const loads: SignUps[] = []
  let faultEndedAt = Date.now()

  return {
    ...{ database, redis, group, queue, links, adminEnv, workers, loads },
    courseIds: await insertCourses(database, options.courses ?? 2),
    async startWorker(env = {}, moreFlags = nodeFlags) {
      const workerQueueUrl = queueUrl(database.workerUrl, links.workersToQueue.port)
      const settings = {
        DATABASE_URL: through(database.workerUrl, links.workersToDatabase.port),
        QUEUE_URL: asRedisUser(workerQueueUrl, 'auto-enroll-worker'),
        QUEUE_PREFIX: PREFIX,
        RECONCILE_INTERVAL_MS: '2000',
      }
      const starting = startWorkerProcess({ ...settings, ...options.env, ...env }, moreFlags)
      const worker = await opened(starting, (started) => started.stop('SIGKILL'))
      workers.push(worker)
      return worker
    },
    startSignUps(more = {}) {
      const signUpsQueueUrl = queueUrl(database.applicationUrl, links.signUpsToQueue.port)
      const load = startSignUps({
        databaseUrl: through(database.applicationUrl, links.signUpsToDatabase.port),
        queueUrl: asRedisUser(signUpsQueueUrl, 'auto-enroll-sign-up'),
        prefix: PREFIX,
        timeoutMs: TIMEOUT_MS,
        enabled: true,
        perSecond: options.perSecond ?? 20,
        mark: `${mark}-${loads.length}`,
        nodeFlags,
        ...more,
      })
      closing.push(() => load.stop())
      loads.push(load)
      return load
    },
    during: (ms) => delay(ms),
    faultEnds() {
      faultEndedAt = Date.now()
    },
    faultEndedAt: () => faultEndedAt,
    async freezePostgres() {
      if (database.server === undefined) throw new Error('this Postgres is shared: give the scenario its own')
      const thaw = await freezePostgres(database.server)
      closing.push(thaw)
      return thaw
    },
  }

  async function opened<T>(opening: Promise<T>, close: (resource: T) => unknown): Promise<T> {
    const resource = await opening
    closing.push(() => close(resource))
    return resource
  }

  function link(port: number): Promise<TcpProxy> {
    return opened(startProxy(port), (proxy) => proxy.close())
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
