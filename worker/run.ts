import type { Telemetry } from 'bullmq'
import { sql } from 'kysely'
import { within } from '../config/deadline.js'
import { registerGauges } from '../config/gauges.js'
import { createHealthApp } from '../config/health.js'
import { type Listening, listen } from '../config/listen.js'
import type { Logger } from '../config/log.js'
import { safeError } from '../config/safe-error.js'
import { type Settings, SettingsError } from '../config/settings.js'
import { connectDatabase } from '../db/connect.js'
import { countUsersWithoutEnrollment } from '../db/users.js'
import { linkQueue } from '../queue/connect.js'
import { withBullMetrics } from '../queue/figures.js'
import { oldestWaitingMs } from '../queue/lag.js'
import { openQueue } from '../queue/open.js'
import { partitionPrefixes } from '../queue/partitions.js'
import { abandonedPartitions, partitionsRefusal, usePartitions } from '../queue/partitions-in-use.js'
import { consume } from './consume.js'
import { createEnroller } from './enroll.js'
import { createObserver } from './observe.js'
import { createOutlaster } from './outage.js'
import { startReconciler } from './reconcile.js'
import { drain } from './shutdown.js'
import { watchForStall } from './stall.js'

export type WorkerSettings = Settings & { DATABASE_URL: string; QUEUE_URL: string }

export interface RunningWorker {
  /** Where `/healthz`, `/readyz` and `/metrics` are served. */
  url: string
  /**
   * Stops taking jobs, finishes those that are active, and closes everything within `SHUTDOWN_TIMEOUT_MS`.
   *
   * @returns how many jobs were still active; they run again elsewhere
   */
  close(): Promise<{ abandoned: number }>
}

const QUEUE_TIMEOUT_MS = 10_000
const DATABASE_CONNECTIONS = 10
/** A database that does not answer keeps its pool from ending. */
const CLOSE_TIMEOUT_MS = 2000
/** Well below the time that Prometheus waits, so that a frozen queue does not hide the other figures. */
const METRICS_TIMEOUT_MS = 2000
/** How long a worker that starts waits to learn of the partitions. */
const PARTITIONS_TIMEOUT_MS = 1000

/**
 * Starts a worker in this process: it consumes, reconciles and serves its health. A database or queue that is away does
 * not stop it from starting; it waits.
 *
 * @throws {SettingsError} when its HTTP port cannot be had, or jobs lie in partitions that it would not consume
 */
export async function startWorker(
  settings: WorkerSettings,
  log: Logger,
  telemetry?: Telemetry,
): Promise<RunningWorker> {
  const observer = createObserver(log)
  const db = connectDatabase(settings.DATABASE_URL, {
    applicationName: 'auto-enroll worker',
    max: DATABASE_CONNECTIONS,
    onError: observer.databaseError,
  })
  const { QUEUE_PREFIX: prefix, QUEUE_PARTITIONS: partitions } = settings
  const place = { url: settings.QUEUE_URL, prefix, onError: observer.queueError }
  const queue = openQueue({ ...place, partitions, timeoutMs: QUEUE_TIMEOUT_MS })

  registerGauges({
    registry: observer.registry,
    usersWithoutEnrollment: () => countUsersWithoutEnrollment(db),
    timeoutMs: METRICS_TIMEOUT_MS,
    oldestWaitingSeconds: async () => (await oldestWaitingMs(queue)) / 1000,
    unfinishedJobs: () => queue.countUnfinished(),
  })

  let unhealthy = (): string | undefined => undefined
  const health = await settlePartitions()
    .then(serveHealth)
    .catch(async (error: unknown) => {
      await Promise.allSettled([queue.close(), db.destroy()])
      throw error
    })
  log.info({ url: health.url, concurrency: settings.WORKER_CONCURRENCY }, 'worker started')
  const stop = settings.AUTO_ENROLL_ENABLED ? startEnrolling() : idle()

  return {
    url: health.url,
    async close() {
      const abandoned = await stop()
      const closing = Promise.allSettled([health.close(), queue.close(), db.destroy()])
      await within(CLOSE_TIMEOUT_MS, closing).catch(() => undefined)
      return { abandoned }
    },
  }

  /** A queue that is away is not asked, and settled at the next start. */
  async function settlePartitions(): Promise<void> {
    const abandoned = await within(PARTITIONS_TIMEOUT_MS, abandonedPartitions(queue)).catch(() => undefined)
    if (abandoned !== undefined) throw new SettingsError([partitionsRefusal(partitions, abandoned)])
    if (settings.AUTO_ENROLL_ENABLED)
      await within(PARTITIONS_TIMEOUT_MS, usePartitions(queue)).catch(() => undefined)
  }

  function serveHealth(): Promise<Listening> {
    const app = createHealthApp({
      metrics: () => withBullMetrics(observer.registry.metrics(), queue, METRICS_TIMEOUT_MS),
      checks: { database: () => sql`select 1`.execute(db), queue: () => queue.isPaused() },
      unhealthy: () => unhealthy(),
      describeError: (error) => safeError(error).message,
    })
    return listen(app, {
      port: settings.WORKER_HTTP_PORT,
      host: settings.WORKER_HTTP_HOST,
      portSetting: 'WORKER_HTTP_PORT',
      hostSetting: 'WORKER_HTTP_HOST',
    })
  }

  function startEnrolling(): () => Promise<number> {
    const link = linkQueue({ ...place, profile: { mode: 'consume' } })
    const stopping = new AbortController()
    const outlaster = createOutlaster({
      signal: stopping.signal,
      onBegin(error) {
        observer.databaseAway(error)
        consumer.noteOnActive(safeError(error).message)
      },
      onEnd: observer.databaseBack,
    })
    const enroll = createEnroller({
      db,
      status: settings.ENROLLMENT_STATUS,
      onStatement: observer.statement,
      outlaster,
    })
    const stall = watchForStall({
      timeoutMs: settings.STALL_TIMEOUT_MS,
      look: async () => ((await queue.isPaused()) ? 0 : (await queue.countWaiting()) + consumer.active()),
      onStall: observer.workerStalled,
    })
    const consumer = consume({
      link,
      prefixes: partitionPrefixes(prefix, partitions),
      concurrency: settings.WORKER_CONCURRENCY,
      enroll,
      observer,
      telemetry,
    })
    for (const worker of consumer.workers) {
      worker.on('completed', stall.progressed).on('failed', stall.progressed)
    }
    unhealthy = () => {
      const reason = stall.reason()
      const outage = outlaster.current()
      if (reason === undefined || outage === undefined) return reason
      return `${reason}; the database: ${safeError(outage.error).message}`
    }
    const stopReconciling = startReconciler({
      db,
      queue,
      intervalMs: settings.RECONCILE_INTERVAL_MS,
      onRound: observer.reconciled,
      onError: observer.reconcileFailed,
    })
    return async () => {
      stopping.abort()
      stall.stop()
      const { abandoned, inTime } = await drain({
        consumer,
        stopReconciling,
        link,
        timeoutMs: settings.SHUTDOWN_TIMEOUT_MS,
      })
      if (abandoned > 0) log.warn({ abandoned }, 'stopped before these jobs were finished; they run again')
      else if (inTime) log.info('stopped; no job was abandoned')
      else log.warn('stopped before the servers confirmed what was finished; it may run again')
      return abandoned
    }
  }

  function idle(): () => Promise<number> {
    log.warn(
      { runbook: 'docs/runbook.md#switched-off' },
      'AUTO_ENROLL_ENABLED is false: nothing is consumed and nothing reconciled; events keep collecting',
    )
    return async () => 0
  }
}
