import type { Telemetry } from 'bullmq'
import { within } from '../config/deadline.js'
import { registerGauges } from '../config/gauges.js'
import { createHealthApp } from '../config/health.js'
import { type Listening, listen } from '../config/listen.js'
import type { Logger } from '../config/log.js'
import { Refusal } from '../config/refusal.js'
import { safeError } from '../config/safe-error.js'
import { SettingsError } from '../config/settings.js'
import { connectDatabase } from '../db/connect.js'
import { prepareOwnSchema } from '../db/own-schema.js'
import { checkDatabaseIsWritable } from '../db/writable.js'
import { withBullMetrics } from '../queue/figures.js'
import { oldestWaitingMs } from '../queue/lag.js'
import { openQueue } from '../queue/open.js'
import { abandonedPartitions, partitionsRefusal, usePartitions } from '../queue/partitions-in-use.js'
import { checkQueueIsWritable } from '../queue/writable.js'
import { type Enrolling, startEnrolling, type WorkerSettings } from './enrolling.js'
import { missingUsersCounter } from './missing-users.js'
import { createObserver } from './observe.js'
import { prepare } from './prepare.js'
import { createWatch } from './watch.js'

export interface RunningWorker {
  /** Where `/healthz`, `/readyz` and `/metrics` are served. */
  url: string
  /** Rejects when the worker finds, after its start, that it must not consume; it never resolves. */
  refused: Promise<never>
  /**
   * Stops taking jobs, finishes those that are active, and closes everything within `SHUTDOWN_TIMEOUT_MS`.
   *
   * @returns how many jobs were still active; they run again elsewhere
   */
  close(): Promise<{ abandoned: number }>
}

const QUEUE_TIMEOUT_MS = 10_000
/** For statements that narrow, reconcile and count, and for those that every new user waits for. */
const DATABASE_CONNECTIONS = { patient: 7, quick: 4 }
/** A statement that every new user waits for is given up after this time, and its users are tried in smaller parts. */
const QUICK_TIMEOUT_MS = 2000
/** A database that does not respond keeps its pool from ending. */
const CLOSE_TIMEOUT_MS = 2000
/** Well below the time that Prometheus waits, so that a frozen queue does not hide the other figures. */
const METRICS_TIMEOUT_MS = 2000
/** How long a worker that starts waits for its servers before it goes on without them. */
const START_TIMEOUT_MS = 1000

/**
 * Starts a worker in this process: it consumes, reconciles and serves its health. If the database or
 * the queue is away it starts all the same, and waits.
 *
 * @throws {SettingsError} when its HTTP port is taken, or jobs are in partitions that it would not consume
 * @throws {Refusal} when it finds at once that it must not consume
 */
export async function startWorker(
  settings: WorkerSettings,
  log: Logger,
  telemetry?: Telemetry,
): Promise<RunningWorker> {
  const observer = createObserver(log)
  const connect = (max: number, options = {}) =>
    connectDatabase(settings.DATABASE_URL, {
      applicationName: 'auto-enroll worker',
      max,
      onError: observer.databaseError,
      ...options,
    })
  const db = connect(DATABASE_CONNECTIONS.patient)
  const quickDb = connect(DATABASE_CONNECTIONS.quick, { queryTimeoutMs: QUICK_TIMEOUT_MS })
  const queue = openQueue({
    url: settings.QUEUE_URL,
    prefix: settings.QUEUE_PREFIX,
    partitions: settings.QUEUE_PARTITIONS,
    timeoutMs: QUEUE_TIMEOUT_MS,
    onError: observer.queueError,
  })

  registerGauges({
    registry: observer.registry,
    usersWithoutEnrollment: missingUsersCounter(db),
    timeoutMs: METRICS_TIMEOUT_MS,
    oldestWaitingSeconds: async () => (await oldestWaitingMs(queue)) / 1000,
    unfinishedJobs: () => queue.countUnfinished(),
  })

  let enrolling: Enrolling | undefined
  const health = await settlePartitions()
    .then(serveHealth)
    .catch(async (error: unknown) => {
      await Promise.allSettled([queue.close(), db.destroy(), quickDb.destroy()])
      throw error
    })
  const stopping = new AbortController()
  const beginning = settings.AUTO_ENROLL_ENABLED ? begin() : undefined
  if (beginning === undefined)
    log.warn(
      { runbook: 'docs/runbook.md#switched-off' },
      'AUTO_ENROLL_ENABLED is false: nothing is consumed and nothing reconciled; events keep collecting',
    )

  await within(START_TIMEOUT_MS, Promise.resolve(beginning)).catch(async (error: unknown) => {
    if (!(error instanceof Refusal)) return
    await close()
    throw error
  })

  log.info({ url: health.url, concurrency: settings.WORKER_CONCURRENCY }, 'worker started')

  return {
    url: health.url,
    close,
    refused: new Promise((_, reject) => {
      beginning?.catch((error: unknown) => error instanceof Refusal && reject(error))
    }),
  }

  async function close(): Promise<{ abandoned: number }> {
    stopping.abort()
    if (enrolling === undefined) log.info('stopped; no job was abandoned')
    const abandoned = (await enrolling?.stop()) ?? 0
    const closing = Promise.allSettled([health.close(), queue.close(), db.destroy(), quickDb.destroy()])
    await within(CLOSE_TIMEOUT_MS, closing).catch(() => undefined)
    return { abandoned }
  }

  /** Consumes once its servers are there and what it needs is in place. */
  async function begin(): Promise<void> {
    const watch = createWatch({ db, queue, observer })
    const [onDatabase, onQueue] = [observer.databaseAway, observer.queueError]
    const steps = [
      { work: updateOwnSchema, onWait: onDatabase },
      { work: watch.claim, onWait: onQueue },
      { work: () => usePartitions(queue), onWait: onQueue },
      { work: watch.compareClocks, onWait: onQueue },
      { work: watch.lookForPause, onWait: onDatabase },
    ]
    await prepare(steps, stopping.signal)
    if (!stopping.signal.aborted)
      enrolling = startEnrolling({ settings, db, quickDb, queue, observer, log, telemetry, watch })
  }

  async function updateOwnSchema(): Promise<void> {
    const migrations = await prepareOwnSchema(db)
    if (migrations.length > 0) log.info({ migrations }, 'brought the schema auto_enroll up to date')
  }

  /** A queue that is away is not asked, and settled at the next start. */
  async function settlePartitions(): Promise<void> {
    const abandoned = await within(START_TIMEOUT_MS, abandonedPartitions(queue)).catch(() => undefined)
    if (abandoned !== undefined)
      throw new SettingsError([partitionsRefusal(settings.QUEUE_PARTITIONS, abandoned)])
  }

  function serveHealth(): Promise<Listening> {
    const app = createHealthApp({
      metrics: () => withBullMetrics(observer.registry.metrics(), queue, METRICS_TIMEOUT_MS),
      checks: { database: () => checkDatabaseIsWritable(db), queue: () => checkQueueIsWritable(queue) },
      unhealthy: () => enrolling?.unhealthy(),
      describeError: (error) => safeError(error).message,
    })
    return listen(app, {
      port: settings.WORKER_HTTP_PORT,
      host: settings.WORKER_HTTP_HOST,
      portSetting: 'WORKER_HTTP_PORT',
      hostSetting: 'WORKER_HTTP_HOST',
    })
  }
}
