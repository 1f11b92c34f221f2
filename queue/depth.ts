import { type Cause, causeOf, isMissingUser } from './causes.js'
import { type BullQueue, type EventQueue, UNFINISHED } from './open.js'

/** How the queue stands at one moment. */
export interface Depth {
  paused: boolean
  /** Jobs by state; `waiting` are live events, `prioritized` those of backfill and reconciler, `delayed` retries. */
  waiting: number
  prioritized: number
  delayed: number
  active: number
  failed: number
  /** Waiting, delayed for a retry, or active. */
  unfinished: number
  /** When the oldest unfinished job was queued, as far as the first of each state tell. */
  oldestAt?: Date
  /** When the oldest job that waits for a worker was queued; retries do not count. */
  oldestWaitingAt?: Date
  /** When a job last finished, well or not. */
  lastFinishedAt?: Date
  /** Worker processes that are connected. */
  workers: number
  /** Why jobs are being retried or held, of a sample; jobs whose user is not committed yet do not count. */
  retryingBecause?: Cause
}

/** Retries that are read to learn why: enough to see what most have in common. */
const SAMPLE = 20

/** Reads how the queue stands, with a bounded number of jobs whatever its length. */
export async function readDepth(queue: EventQueue): Promise<Depth> {
  const onEach = <T>(ask: (bull: BullQueue) => Promise<T>) => Promise.all(queue.partitions().map(ask))
  const first = async (
    state: 'waiting' | 'prioritized' | 'active' | 'delayed' | 'completed' | 'failed',
    count: number,
    ascending = true,
  ) => (await onEach((bull) => bull.getJobs([state], 0, count - 1, ascending))).flat()
  const [paused, counts, waiting, prioritized, active, delayed, completed, failed, workers] =
    await Promise.all([
      queue.isPaused(),
      onEach((bull) => bull.getJobCounts(...UNFINISHED, 'failed')),
      first('waiting', 1),
      first('prioritized', 1),
      first('active', SAMPLE),
      first('delayed', SAMPLE),
      first('completed', 1, false),
      first('failed', 1, false),
      onEach((bull) => bull.getWorkersCount()),
    ])
  const count = (state: string) => counts.reduce((sum, states) => sum + (states[state] ?? 0), 0)
  // A worker whose database is away keeps its jobs, and writes on them why.
  const held = active.map((job) => job.progress).filter((progress) => typeof progress === 'string')
  const causes = [...delayed.map((job) => job.failedReason), ...held].map(causeOf)
  const troubled = delayed.filter((job) => !isMissingUser(causeOf(job.failedReason)))
  return {
    paused,
    waiting: count('waiting') + count('paused'),
    prioritized: count('prioritized'),
    delayed: count('delayed'),
    active: count('active'),
    failed: count('failed'),
    unfinished: UNFINISHED.reduce((sum, state) => sum + count(state), 0),
    // Each of them consumes every partition.
    workers: Math.max(...workers),
    ...optional(
      'oldestAt',
      earliest([...waiting, ...prioritized, ...active, ...troubled].map((job) => job.timestamp)),
    ),
    ...optional('oldestWaitingAt', earliest([...waiting, ...prioritized].map((job) => job.timestamp))),
    ...optional('lastFinishedAt', latest([...completed, ...failed].map((job) => job.finishedOn))),
    ...optional('retryingBecause', mostFrequent(causes.filter((cause) => !isMissingUser(cause)))),
  }
}

function optional<Name extends string, T>(name: Name, value: T | undefined): { [N in Name]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [N in Name]?: T })
}

function earliest(times: readonly number[]): Date | undefined {
  return times.length === 0 ? undefined : new Date(Math.min(...times))
}

function latest(times: readonly (number | undefined)[]): Date | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : new Date(Math.max(...known))
}

function mostFrequent(causes: readonly Cause[]): Cause | undefined {
  const counts = new Map<string, number>()
  for (const { id } of causes) counts.set(id, (counts.get(id) ?? 0) + 1)
  return causes.toSorted((a, b) => (counts.get(b.id) ?? 0) - (counts.get(a.id) ?? 0))[0]
}
