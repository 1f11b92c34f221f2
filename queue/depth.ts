import { type Cause, causeOf, isMissingUser } from './causes.js'
import { userIdOf } from './failed.js'
import { type Limits, readLimits } from './limits.js'
import { type BullQueue, type EventQueue, UNFINISHED } from './open.js'
import type { UserCreatedJob } from './user-created.js'

/** The state of the queue at one moment. */
export interface Depth {
  /** Pauses and limits stored in the queue. */
  limits: Limits
  /** Jobs by state; `waiting` are live events, `prioritized` those of backfill and reconciler, `delayed` retries. */
  waiting: number
  prioritized: number
  delayed: number
  active: number
  failed: number
  /** Waiting, delayed for a retry, or active. */
  unfinished: number
  /** Users of the unfinished jobs; only known while there are few jobs, because all of them must be read. */
  unfinishedUsers?: number
  /** When the oldest unfinished job was queued, judged by the first jobs of each state. */
  oldestAt?: Date
  /** When the oldest job that waits for a worker was queued; retries do not count. */
  oldestWaitingAt?: Date
  /** When a job last finished, successfully or not. */
  lastFinishedAt?: Date
  /** When the next job is retried. */
  nextRetryAt?: Date
  /** Worker processes that are connected. */
  workers: number
  /** Why jobs are retried or held, judged by the first jobs; a user who is not committed yet is no reason. */
  troubles: Trouble[]
}

/** A reason why jobs are retried or held, and how many of the jobs that were read have it. */
interface Trouble {
  cause: Cause
  jobs: number
}

/** Jobs of each state that are read, to learn how old they are and what is wrong with them. */
const SAMPLE = 20

/** Reads the state of the queue. However long it is, the number of jobs that are read is bounded. */
export async function readDepth(queue: EventQueue): Promise<Depth> {
  const onEach = <T>(ask: (bull: BullQueue) => Promise<T>) => Promise.all(queue.partitions().map(ask))
  const first = async (
    state: 'waiting' | 'prioritized' | 'active' | 'delayed' | 'completed' | 'failed',
    count: number,
    ascending = true,
  ) => (await onEach((bull) => bull.getJobs([state], 0, count - 1, ascending))).flat()
  const [limits, counts, waiting, prioritized, active, delayed, completed, failed, workers] =
    await Promise.all([
      readLimits(queue),
      onEach((bull) => bull.getJobCounts(...UNFINISHED, 'failed')),
      first('waiting', SAMPLE),
      first('prioritized', SAMPLE),
      first('active', SAMPLE),
      first('delayed', SAMPLE),
      first('completed', 1, false),
      first('failed', 1, false),
      onEach((bull) => bull.getWorkersCount()),
    ])
  const count = (state: string) => counts.reduce((sum, states) => sum + (states[state] ?? 0), 0)
  const unfinished = UNFINISHED.reduce((sum, state) => sum + count(state), 0)
  const read = [...waiting, ...prioritized, ...active, ...delayed]
  const retried = delayed.filter((job) => !isMissingUser(causeOf(job.failedReason)))
  return {
    limits,
    waiting: count('waiting') + count('paused'),
    prioritized: count('prioritized'),
    delayed: count('delayed'),
    active: count('active'),
    failed: count('failed'),
    unfinished,
    // Each worker process consumes every partition.
    workers: Math.max(...workers),
    troubles: troublesOf(retried, active),
    ...optional('unfinishedUsers', read.length < unfinished ? undefined : usersOf(read)),
    ...optional(
      'oldestAt',
      earliest([...waiting, ...prioritized, ...active, ...retried].map((job) => job.timestamp)),
    ),
    ...optional('oldestWaitingAt', earliest([...waiting, ...prioritized].map((job) => job.timestamp))),
    ...optional('lastFinishedAt', latest([...completed, ...failed].map((job) => job.finishedOn))),
    ...optional('nextRetryAt', earliest(delayed.map((job) => nextAttemptAt(job).getTime()))),
  }
}

/** When a delayed job is due. */
export function nextAttemptAt(job: UserCreatedJob): Date {
  return new Date((job.processedOn ?? job.timestamp) + job.delay)
}

function usersOf(jobs: readonly UserCreatedJob[]): number {
  return new Set(jobs.map((job) => userIdOf(job) || job.id)).size
}

/** A worker whose database is away keeps its jobs active, and stores the reason as their progress. */
function troublesOf(retried: readonly UserCreatedJob[], active: readonly UserCreatedJob[]): Trouble[] {
  const held = active.map((job) => job.progress).filter((progress) => typeof progress === 'string')
  const troubles = new Map<string, Trouble>()
  for (const cause of [...retried.map((job) => job.failedReason), ...held].map(causeOf)) {
    const known = troubles.get(cause.id)
    troubles.set(cause.id, { cause, jobs: (known?.jobs ?? 0) + 1 })
  }
  return [...troubles.values()].sort((a, b) => b.jobs - a.jobs)
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
