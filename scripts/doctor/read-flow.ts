import type { Settings } from '../../config/settings.js'
import { lastPauseOrResume } from '../../db/audit.js'
import { countPublishedCourses } from '../../db/courses.js'
import { withStatementTimeout } from '../../db/inspect.js'
import type { Database } from '../../db/schema.js'
import { countUsersWithoutEnrollment } from '../../db/users.js'
import { oldestWaitingMs } from '../../queue/lag.js'
import { readLimits } from '../../queue/limits.js'
import type { EventQueue } from '../../queue/open.js'
import { answerOf, CHECK_TIMEOUT_MS } from './check.js'
import type { Flow } from './flow.js'

interface FlowSources {
  settings: Settings
  /** `undefined` where it cannot be used. */
  db: Database | undefined
  queue: EventQueue | undefined
}

/** Reads whether people are being enrolled now. Each request has its own time limit; what could not be read is not known. */
export async function readFlow({ settings, db, queue }: FlowSources): Promise<Flow> {
  const [missing, publishedCourses, paused, limits, workers, waiting, oldest, idleMs] = await Promise.all([
    known(db, (db) => withStatementTimeout(db, CHECK_TIMEOUT_MS, countUsersWithoutEnrollment)),
    known(db, countPublishedCourses),
    known(queue, (queue) => queue.isPaused()),
    known(queue, readLimits),
    known(queue, countWorkers),
    known(queue, (queue) => queue.countWaiting()),
    known(queue, oldestWaitingMs),
    known(queue, sinceLastFinished),
  ])
  return {
    enabled: settings.AUTO_ENROLL_ENABLED,
    reconcileIntervalMs: settings.RECONCILE_INTERVAL_MS,
    missing,
    publishedCourses,
    paused,
    limits,
    workers,
    waiting,
    oldestWaitingMs: oldest,
    idleMs,
    ...(paused ? { pausedBy: await known(db, lastPauser) } : {}),
  }
}

async function known<S, T>(source: S | undefined, ask: (source: S) => Promise<T>): Promise<T | undefined> {
  return source === undefined ? undefined : answerOf(ask(source)).catch(() => undefined)
}

/** Each worker consumes every partition. */
async function countWorkers(queue: EventQueue): Promise<number> {
  return Math.max(...(await Promise.all(queue.partitions().map((bull) => bull.getWorkersCount()))))
}

async function sinceLastFinished(queue: EventQueue): Promise<number | undefined> {
  const last = await Promise.all(
    queue.partitions().flatMap((bull) => [bull.getJobs(['completed'], 0, 0), bull.getJobs(['failed'], 0, 0)]),
  )
  const times = last.flat().flatMap((job) => job.finishedOn ?? [])
  return times.length === 0 ? undefined : Math.max(0, Date.now() - Math.max(...times))
}

async function lastPauser(db: Database): Promise<string | undefined> {
  const entry = await lastPauseOrResume(db)
  if (entry === undefined || entry.action === 'resume') return undefined
  return `${entry.who} at ${entry.at.toISOString()}`
}
