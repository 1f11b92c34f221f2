import type { Limits } from '../queue/limits.js'
import { count, durationInWords, exactTimeInWords } from './words.js'

/** What decides whether a job or a user is tried again by itself. */
export interface Circumstances {
  now: Date
  enabled: boolean
  /** How often the fleet reconciles, as this process' settings say; 0 for never. */
  reconcileIntervalMs: number
  /** Unknown while the queue is away. */
  limits: Limits | undefined
  workers: number | undefined
  /** Why the database cannot be used, in words. */
  databaseTrouble: string | undefined
  /** The other database that the queue serves, if it does. */
  otherDatabase: string | undefined
}

/** What stops every job at present, each as a clause; empty when jobs are being tried. */
export function standstill(circumstances: Circumstances): string[] {
  const { enabled, limits, workers, databaseTrouble, otherDatabase } = circumstances
  return [
    enabled ? undefined : 'auto-enroll is switched off',
    limits === undefined ? 'the queue does not respond' : limits.refusal,
    otherDatabase === undefined ? undefined : `the queue serves another database (${otherDatabase})`,
    // Of a queue that cannot be written, workers do not take jobs, connected or not.
    workers === 0 && limits?.refusal === undefined ? 'no worker is connected' : undefined,
    limits !== undefined && isPaused(limits) ? pauseInWords(limits) : undefined,
    databaseTrouble,
  ].filter((clause) => clause !== undefined)
}

/** What delays some jobs, each as a clause. */
function delays({ limits }: Circumstances): string[] {
  if (limits === undefined || isPaused(limits)) return []
  return [pauseInWords(limits), limitInWords(limits)].filter((clause) => clause !== undefined)
}

export function isPaused({ paused, partitions }: Limits): boolean {
  return paused === partitions
}

/** `the queue is paused`, `2 of 3 partitions of the queue are paused`, or nothing. */
function pauseInWords({ paused, partitions }: Limits): string | undefined {
  if (paused === 0) return undefined
  if (paused === partitions) return 'the queue is paused'
  return `${paused} of ${partitions} partitions of the queue are paused`
}

/** `the queue itself starts at most 1 job every 60 s`, or nothing. */
export function limitInWords({ rate, concurrency, partitions }: Limits): string | undefined {
  const limits = [
    rate && {
      where: rate.partitions,
      what: `starts at most ${count(rate.jobs, 'job')} every ${rate.perMs < 1000 ? `${rate.perMs} ms` : durationInWords(rate.perMs)}`,
    },
    concurrency && {
      where: concurrency.partitions,
      what: `runs at most ${count(concurrency.jobs, 'job')} at a time`,
    },
  ].filter((limit) => limit !== undefined)
  const [first, second] = limits.map(
    ({ where, what }) =>
      `${what}${partitions === 1 ? '' : ` in each of ${where} of ${partitions} partitions`}`,
  )
  if (first === undefined) return undefined
  return `the queue itself ${first}${second === undefined ? '' : ` and ${second}`}`
}

/** `next try at 14:03:20 UTC (in 12 min)`, unless something keeps it from happening. */
export function nextTryInWords(at: Date, circumstances: Circumstances): string {
  const stopped = standstill(circumstances)
  if (stopped.length > 0) return `no next try while ${listed(stopped)}`
  const { now } = circumstances
  const next =
    at <= now
      ? 'the next try is due'
      : `next try at ${exactTimeInWords(at, now)} (in ${durationInWords(at.getTime() - now.getTime())})`
  return withDelays(next, circumstances)
}

/** When the reconciler queues somebody at the latest, unless something keeps it from happening. */
export function nextRoundInWords(by: Date, circumstances: Circumstances, whom: string): string {
  if (circumstances.reconcileIntervalMs === 0)
    return `the reconciler is off (RECONCILE_INTERVAL_MS is 0), so nothing queues ${whom} by itself`
  const stopped = standstill(circumstances)
  if (stopped.length > 0) return `nothing queues ${whom} while ${listed(stopped)}`
  const { now } = circumstances
  const within = durationInWords(by.getTime() - now.getTime())
  return withDelays(
    `the reconciler queues ${whom} by ${exactTimeInWords(by, now)} at the latest (in ${within})`,
    circumstances,
  )
}

function withDelays(sentence: string, circumstances: Circumstances): string {
  const clauses = delays(circumstances)
  return clauses.length === 0 ? sentence : `${sentence}, or later, because ${listed(clauses)}`
}

function listed(clauses: readonly string[]): string {
  return clauses.join(' and ')
}
