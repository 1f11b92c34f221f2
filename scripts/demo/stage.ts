import { within } from '../../config/deadline.js'
import { createLog, type Logger } from '../../config/log.js'
import type { Settings } from '../../config/settings.js'
import { type RunningDashboard, startDashboard } from '../../dashboard/run.js'
import { connectDatabase } from '../../db/connect.js'
import { migrate } from '../../db/migrate.js'
import type { Database } from '../../db/schema.js'
import { createPublisher, type Publisher } from '../../producers/publisher.js'
import { migrateQueue } from '../../queue/migrate.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import type { WorkerSettings } from '../../worker/enrolling.js'
import { DEFAULT_MAX_PENDING, queueMissingUsers } from '../../worker/reconcile.js'
import { type RunningWorker, startWorker } from '../../worker/run.js'
import { openPlace, type Place } from './place.js'
import { openRelay, type Relay } from './relay.js'
import { seed } from './seed.js'

/** Everything the demo needs, in one process: a database, a queue, the publisher and the worker. */
export interface Stage {
  place: Place
  /** The settings, as in a real deployment. */
  settings: WorkerSettings
  db: Database
  publisher: Publisher
  /** The queue through the relay, for inspecting it. */
  queue: EventQueue
  relay: Relay
  dashboard: RunningDashboard
  worker(): RunningWorker | undefined
  startWorker(): Promise<RunningWorker>
  /** Stops everything and removes what was created, each step within a deadline. Rejects if a step fails. */
  close(): Promise<void>
}

/** Short, so that viewers do not wait for the reconciler. */
const RECONCILE_INTERVAL_MS = 2000
const SHUTDOWN_TIMEOUT_MS = 3000
const QUEUE_TIMEOUT_MS = 5000
/** For each step of closing: a server that no longer responds must not keep the demo from ending. */
const CLOSE_TIMEOUT_MS = 10_000

/** Sets everything up and seeds it. The worker is not started yet, as in an application before auto-enroll. */
export async function openStage(given: Settings, log: Logger): Promise<Stage> {
  const closing: (() => Promise<unknown>)[] = []
  async function close(): Promise<void> {
    const failures: unknown[] = []
    for (const step of closing.splice(0).reverse())
      await within(CLOSE_TIMEOUT_MS, step()).catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }
  try {
    return await open()
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }

  async function open(): Promise<Stage> {
    const place = await openPlace(given)
    closing.push(place.leave)
    const relay = await openRelay(place.queueUrl)
    closing.push(relay.cut)
    const settings = settingsFor(given, place, relay)

    const db = connectDatabase(place.databaseUrl, { applicationName: 'auto-enroll demo' })
    closing.push(() => db.destroy())
    await Promise.all([migrate(db), migrateQueue(place.queueUrl, place.prefix)])
    await seed(db)

    const { QUEUE_URL: url, QUEUE_PREFIX: prefix, PUBLISH_TIMEOUT_MS: timeoutMs } = settings
    const publisher = createPublisher({ queueUrl: url, prefix, timeoutMs })
    closing.push(() => publisher.close())
    const queue = openQueue({ url, prefix, timeoutMs: QUEUE_TIMEOUT_MS, onError: () => undefined })
    closing.push(() => queue.close())

    const dashboard = await startDashboard(settings, log, (options) =>
      queueMissingUsers({ ...options, source: 'backfill', maxPending: DEFAULT_MAX_PENDING }),
    )
    closing.push(() => dashboard.close())

    let worker: RunningWorker | undefined
    return {
      place,
      settings,
      db,
      publisher,
      queue,
      relay,
      dashboard,
      close,
      worker: () => worker,
      async startWorker() {
        const started = await startWorker(settings, log)
        worker = started
        closing.push(() => started.close())
        return started
      },
    }
  }
}

function settingsFor(given: Settings, place: Place, relay: Relay): WorkerSettings {
  return {
    ...given,
    DATABASE_URL: place.databaseUrl,
    QUEUE_URL: relay.url,
    QUEUE_PREFIX: place.prefix,
    QUEUE_PARTITIONS: 1,
    AUTO_ENROLL_ENABLED: true,
    RECONCILE_INTERVAL_MS,
    SHUTDOWN_TIMEOUT_MS,
    WORKER_HTTP_PORT: 0,
    WORKER_HTTP_HOST: '127.0.0.1',
    DASHBOARD_PORT: 0,
    DASHBOARD_HOST: '127.0.0.1',
  }
}

/** Silent, because the tour says what happens; with `LOG_LEVEL` set, the worker's own log lines appear on stderr. */
export function stageLog({ LOG_LEVEL }: Settings, isLevelGiven: boolean): Logger {
  return createLog('demo', isLevelGiven ? LOG_LEVEL : 'silent')
}
