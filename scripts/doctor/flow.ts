import { limitInWords } from '../../dashboard/next-try.js'
import { count, durationInWords } from '../../dashboard/words.js'
import type { Limits } from '../../queue/limits.js'
import { type Check, failed, ok, warning } from './check.js'

/** What decides whether people are being enrolled now. What could not be read in time is missing: it is not known. */
export interface Flow {
  enabled: boolean
  reconcileIntervalMs: number
  publishedCourses?: number | undefined
  /** Users who have no enrollment at all. */
  missing?: number | undefined
  /** Worker processes that are connected. */
  workers?: number | undefined
  paused?: boolean | undefined
  /** Who paused the queue and when, as far as it was written down. */
  pausedBy?: string | undefined
  /** What is stored in the queue that holds its workers back. */
  limits?: Limits | undefined
  /** Events that a worker could take now. */
  waiting?: number | undefined
  oldestWaitingMs?: number | undefined
  /** How long ago a job last finished. */
  idleMs?: number | undefined
}

export interface FlowVerdict {
  /** Of the settings, which come first in a report. */
  settings: Check
  checks: Check[]
  /** Why nobody is being enrolled, each as the end of "the worker can run, but …". */
  obstacles: string[]
  /** How many wait, as a clause: `27,529 users wait`. `undefined` when nobody does. */
  people: string | undefined
}

/** Older than this with nothing finished meanwhile, the oldest event is stuck. */
const STUCK_AFTER_MS = 60_000

/**
 * Judges whether people are being enrolled now. An obstacle that nothing will remove by itself is a failure if somebody waits
 * behind it, and a warning otherwise.
 *
 * @param canRun whether nothing else keeps a worker from running
 */
export function judgeFlow(flow: Flow, canRun = true): FlowVerdict {
  const people = peopleWaiting(flow)
  const judge = people === undefined || people === UNKNOWN ? warning : failed
  const enabled = judgeEnabled(flow, judge)
  const found = [enabled, judgePaused(flow, judge), judgeWorkers(flow, judge), judgeLimits(flow)]
  // Behind another obstacle, that nothing is done is no news.
  if (found.every(({ clause }) => clause === undefined)) found.push(judgeWaiting(flow))
  const obstacles = found.flatMap(({ clause }) => clause ?? [])
  return {
    settings: enabled.check,
    checks: [
      ...found.slice(1).flatMap(({ check }) => check ?? []),
      ...judgeMissing(flow, obstacles.length > 0 || !canRun),
    ],
    obstacles,
    people,
  }
}

/** What keeps jobs in the queue from being done, each as a sentence that says what to do. */
export function holdUps({ enabled, paused, workers, limits }: Flow): string[] {
  const limit = limits && limitInWords(limits)
  return [
    ...(enabled ? [] : ['AUTO_ENROLL_ENABLED is false: a worker with this setting takes no jobs.']),
    ...(paused ? ['The queue is paused: npm run resume lets the workers begin.'] : []),
    ...(workers === 0 ? ['No worker is connected: they are enrolled once one runs (npm run worker).'] : []),
    ...(limit === undefined ? [] : [`It takes longer than usual: ${limit}.`]),
  ]
}

const UNKNOWN = 'how many users wait is not known'

function peopleWaiting({ missing, waiting = 0, publishedCourses }: Flow): string | undefined {
  if (publishedCourses === 0) return undefined
  if (missing !== undefined && missing > 0)
    return `${count(missing, 'user')} ${missing === 1 ? 'waits' : 'wait'}`
  if (waiting > 0) return `${count(waiting, 'event')} ${waiting === 1 ? 'waits' : 'wait'}`
  return missing === undefined ? UNKNOWN : undefined
}

interface Obstacle {
  check?: Check
  /** Set when it keeps people from being enrolled. */
  clause?: string
}

function judgeEnabled({ enabled }: Flow, judge: typeof failed): Obstacle & { check: Check } {
  if (enabled) return { check: ok('settings', 'complete and valid') }
  const message = 'AUTO_ENROLL_ENABLED is false: nothing is published, consumed or reconciled'
  return {
    check: judge('settings', message, 'set it to true; the reconciler then catches up'),
    clause: 'AUTO_ENROLL_ENABLED is false',
  }
}

function judgePaused({ paused, pausedBy }: Flow, judge: typeof failed): Obstacle {
  if (paused === undefined) return {}
  if (!paused) return { check: ok('consuming', 'the queue is not paused') }
  const by = pausedBy === undefined ? '' : ` (by ${pausedBy})`
  return {
    check: judge('consuming', `the queue is paused${by}; events keep collecting`, 'npm run resume'),
    clause: 'the queue is paused',
  }
}

function judgeWorkers({ workers }: Flow, judge: typeof failed): Obstacle {
  if (workers === undefined) return {}
  if (workers > 0) return { check: ok('workers', `${workers} connected`) }
  return {
    check: judge('workers', 'none is connected, so nobody is enrolled', 'npm run worker'),
    clause: 'no worker is connected',
  }
}

/** Under a limit that lets the present events pass within this time, people are enrolled nearly as they should be. */
const TOLERATED_WAIT_MS = 60_000

function judgeLimits({ limits, waiting = 0 }: Flow): Obstacle {
  const words = limits && limitInWords(limits)
  if (words === undefined) return {}
  const { rate } = limits ?? {}
  const waitMs = rate === undefined ? 0 : (waiting / (rate.jobs * rate.partitions)) * rate.perMs
  const fix = 'npm run dashboard has a button that removes it; auto-enroll sets no such limit'
  if (waitMs <= TOLERATED_WAIT_MS) return { check: warning('limits', words, fix) }
  const message = `${words}: what waits now takes ${durationInWords(waitMs)}`
  return { check: failed('limits', message, fix), clause: words }
}

function judgeWaiting({ waiting, oldestWaitingMs = 0, idleMs }: Flow): Obstacle {
  if (waiting === undefined) return {}
  if (waiting === 0) return { check: ok('waiting', 'no event waits for a worker') }
  const stuck = oldestWaitingMs > STUCK_AFTER_MS && (idleMs ?? oldestWaitingMs) > STUCK_AFTER_MS
  const depth = `${count(waiting, 'event')} for a worker, the oldest for ${durationInWords(oldestWaitingMs)}`
  if (!stuck) return { check: ok('waiting', depth) }
  const idle = durationInWords(Math.min(idleMs ?? oldestWaitingMs, oldestWaitingMs))
  return {
    check: failed(
      'waiting',
      `${depth}, and nothing has finished for ${idle}`,
      'see the workers’ logs, and restart them',
    ),
    clause: `nothing has finished for ${idle}`,
  }
}

function judgeMissing({ missing, publishedCourses, reconcileIntervalMs }: Flow, blocked: boolean): Check[] {
  if (publishedCourses === undefined || publishedCourses === 0) return []
  if (missing === undefined) {
    return [
      warning(
        'coverage',
        'users without an enrollment: ?',
        'npm run verify counts them, however long it takes',
      ),
    ]
  }
  if (missing === 0) return [ok('coverage', 'every user has an enrollment')]
  const fix = blocked
    ? 'they are enrolled once the above is mended'
    : reconcileIntervalMs > 0
      ? `wait: the reconciler looks every ${durationInWords(reconcileIntervalMs)}; npm run explain says why one user waits`
      : 'npm run backfill: the reconciler is switched off (RECONCILE_INTERVAL_MS)'
  return [
    warning('coverage', `${count(missing, 'user')} ${missing === 1 ? 'has' : 'have'} no enrollment`, fix),
  ]
}
