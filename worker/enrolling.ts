import type { Telemetry } from 'bullmq'
import type { Logger } from '../config/log.js'
import { safeError } from '../config/safe-error.js'
import type { Settings } from '../config/settings.js'
import type { Database } from '../db/schema.js'
import { linkQueue } from '../queue/connect.js'
import type { EventQueue } from '../queue/open.js'
import { partitionPrefixes } from '../queue/partitions.js'
import { consume } from './consume.js'
import { createEnroller } from './enroll.js'
import type { Observer } from './observe.js'
import { watchForOutage } from './outage.js'
import { startReconciler } from './reconcile.js'
import { drain } from './shutdown.js'
import { watchForStall } from './stall.js'
import { probeEnrolling } from './statements.js'
import type { Watch } from './watch.js'

export type WorkerSettings = Settings & { DATABASE_URL: string; QUEUE_URL: string }

interface EnrollingOptions {
  settings: WorkerSettings
  db: Database
  /** A pool that gives up early on a statement that is not answered. */
  quickDb: Database
  /** To look at the queue, and to fill it; what is consumed comes over a connection of its own. */
  queue: EventQueue
  observer: Observer
  log: Logger
  telemetry: Telemetry | undefined
  watch: Watch
}

export interface Enrolling {
  /** Why an orchestrator should restart this process, if it should. */
  unhealthy(): string | undefined
  /** Stops within `SHUTDOWN_TIMEOUT_MS`. Returns how many jobs were still active; they run again elsewhere. */
  stop(): Promise<number>
}

/** Starts consuming and reconciling. */
export function startEnrolling({
  settings,
  db,
  quickDb,
  queue,
  observer,
  log,
  telemetry,
  watch,
}: EnrollingOptions): Enrolling {
  const link = linkQueue({
    url: settings.QUEUE_URL,
    prefix: settings.QUEUE_PREFIX,
    profile: { mode: 'consume' },
    onError: observer.queueError,
  })
  const stopping = new AbortController()
  const outage = watchForOutage({
    probe: probeEnrolling(quickDb, settings.ENROLLMENT_STATUS),
    signal: stopping.signal,
    onBegin(error) {
      observer.databaseAway(error)
      consumer.noteOnActive(safeError(error).message)
    },
    onEnd: observer.databaseBack,
  })
  const enroll = createEnroller({
    db,
    quickDb,
    status: settings.ENROLLMENT_STATUS,
    onStatement: observer.statement,
    outage,
    signal: stopping.signal,
    onHeldUp: observer.heldUp,
  })
  const stall = watchForStall({
    timeoutMs: settings.STALL_TIMEOUT_MS,
    // A restart mends neither a database that is away nor somebody else's lock.
    async look() {
      if (outage.current() !== undefined || watch.isHeld() || (await queue.isPaused())) return 0
      return (await queue.countWaiting()) + consumer.active() - consumer.held()
    },
    onStall: observer.workerStalled,
  })
  const consumer = consume({
    link,
    prefixes: partitionPrefixes(settings.QUEUE_PREFIX, settings.QUEUE_PARTITIONS),
    concurrency: settings.WORKER_CONCURRENCY,
    enroll,
    observer,
    telemetry,
  })
  for (const worker of consumer.workers) {
    worker.on('completed', stall.progressed).on('failed', stall.progressed)
  }
  watch.start(consumer)
  const stopReconciling = startReconciler({
    db,
    queue,
    intervalMs: settings.RECONCILE_INTERVAL_MS,
    isHeld: watch.isHeld,
    onRound: observer.reconciled,
    onError: observer.reconcileFailed,
  })

  return {
    unhealthy: () => (outage.current() === undefined ? stall.reason() : undefined),
    async stop() {
      stopping.abort()
      stall.stop()
      watch.stop()
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
    },
  }
}
