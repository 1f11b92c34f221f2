import { collectDefaultMetrics, Registry } from 'prom-client'
import { within } from '../config/deadline.js'
import { registerGauges } from '../config/gauges.js'
import { createHealthApp } from '../config/health.js'
import { listen } from '../config/listen.js'
import type { Logger } from '../config/log.js'
import { safeError } from '../config/safe-error.js'
import type { Settings } from '../config/settings.js'
import { connectDatabase } from '../db/connect.js'
import { checkDatabaseIsWritable } from '../db/writable.js'
import { failedJobs } from '../queue/failed.js'
import { withBullMetrics } from '../queue/figures.js'
import { openQueue } from '../queue/open.js'
import { checkQueueIsWritable } from '../queue/writable.js'
import { createAccess } from './access.js'
import { type Backfill, createActions } from './actions.js'
import { lastKnown } from './fresh.js'
import { keepSamples } from './samples.js'
import { createDashboardApp } from './server.js'
import { createStateReader, figuresOf } from './state.js'
import { createUserLookup } from './user-lookup.js'

export type DashboardSettings = Settings & { DATABASE_URL: string; QUEUE_URL: string }

export interface RunningDashboard {
  url: string
  /** Stops serving, stops a running backfill where it is, and closes every connection. */
  close(): Promise<void>
}

const QUEUE_TIMEOUT_MS = 3000
const DATABASE_CONNECTIONS = 6
/** A database that does not answer keeps its pool from ending. */
const CLOSE_TIMEOUT_MS = 2000
/** Well below Prometheus' own timeout, so that a frozen queue does not hide the other figures. */
const METRICS_TIMEOUT_MS = 2000

/**
 * Starts the operators' page in this process. It also starts when the database or the queue is away, and says so.
 *
 * @param backfill the worker's own function, which this room may not import
 * @throws {SettingsError} when it cannot listen on its HTTP port
 */
export async function startDashboard(
  settings: DashboardSettings,
  log: Logger,
  backfill: Backfill,
): Promise<RunningDashboard> {
  const db = connectDatabase(settings.DATABASE_URL, {
    applicationName: 'auto-enroll dashboard',
    max: DATABASE_CONNECTIONS,
    onError: (error) => log.debug({ err: error }, 'an idle database connection broke'),
  })
  const queue = openQueue({
    url: settings.QUEUE_URL,
    prefix: settings.QUEUE_PREFIX,
    partitions: settings.QUEUE_PARTITIONS,
    timeoutMs: QUEUE_TIMEOUT_MS,
    onError: (error) => log.debug({ err: error }, 'the queue is in trouble'),
  })
  const reader = createStateReader(db, queue)
  const { samples, stop: stopSampling } = keepSamples(reader)
  const actions = createActions({ db, queue, log, backfill })
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  registerGauges({ registry, timeoutMs: METRICS_TIMEOUT_MS, ...figuresOf(reader) })

  const circumstances = {
    enabled: settings.AUTO_ENROLL_ENABLED,
    reconcileIntervalMs: settings.RECONCILE_INTERVAL_MS,
  }
  const app = createDashboardApp({
    db,
    queue,
    reader,
    samples,
    actions,
    log,
    access: createAccess(settings),
    settings: circumstances,
    lookUp: createUserLookup({
      db,
      queue,
      settings: circumstances,
      // Reads the latest again, so that looking up a user never shows what was true some seconds ago.
      failedJobs: async () => {
        const [latest, { failures }] = await Promise.all([failedJobs(queue).next(), reader.read()])
        return [...(latest.value ?? []), ...(lastKnown(failures)?.jobs ?? [])]
      },
    }),
    health: createHealthApp({
      metrics: () => withBullMetrics(registry.metrics(), queue, METRICS_TIMEOUT_MS),
      checks: { database: () => checkDatabaseIsWritable(db), queue: () => checkQueueIsWritable(queue) },
      unhealthy: () => undefined,
      describeError: (error) => safeError(error).message,
    }),
  })
  const closeAll = async () => {
    stopSampling()
    await actions.tasks.close()
    await within(CLOSE_TIMEOUT_MS, Promise.allSettled([queue.close(), db.destroy()])).catch(() => undefined)
  }
  const server = await listen(app, {
    port: settings.DASHBOARD_PORT,
    host: settings.DASHBOARD_HOST,
    portSetting: 'DASHBOARD_PORT',
    hostSetting: 'DASHBOARD_HOST',
  }).catch(async (error: unknown) => {
    await closeAll()
    throw error
  })
  log.info({ url: server.url }, 'dashboard started')
  return {
    url: server.url,
    async close() {
      await server.close()
      await closeAll()
    },
  }
}
