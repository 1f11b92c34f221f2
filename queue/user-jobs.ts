import { type Cause, causeOf } from './causes.js'
import { nextAttemptAt } from './depth.js'
import { type FailedJob, userIdOf } from './failed.js'
import type { EventQueue } from './open.js'
import { OUTCOMES, type UserCreatedResult } from './user-created.js'

/** A job of one user, as an operator sees it. */
export interface UserJob {
  jobId: string
  state: 'waiting' | 'retrying' | 'active' | 'completed' | 'failed'
  source: string
  queuedAt: Date
  /** Attempts that were made, of so many. */
  attempts: number
  maxAttempts: number
  finishedAt?: Date
  /** Of a job that waits for a retry. */
  nextAttemptAt?: Date
  outcome?: UserCreatedResult['outcome']
  /** Why the last attempt failed. */
  cause?: Cause
  /** Why a worker that has the job waits with it. */
  heldBecause?: Cause
}

export interface JobsOfUser {
  /** The latest first. */
  jobs: UserJob[]
  /** Whether deduplication keeps out new events of the user for the sake of a job that is nowhere in the queue. */
  hasLostEvent: boolean
}

/** Jobs of each state that are looked through; the failed ones are given. */
const LOOKED_THROUGH = 1000

/**
 * The jobs of a user that the queue still has: the unfinished one that deduplication names, those among the first 1,000 of
 * each state, and those among `failed`.
 */
export async function jobsOfUser(
  queue: EventQueue,
  userId: string,
  failed: Iterable<FailedJob>,
): Promise<JobsOfUser> {
  // First, because it may move from one state to another while those are looked through.
  const unfinishedId = await queue.unfinishedJobOf(userId)
  const looked = await Promise.all(
    // All of them, because a user's earlier jobs are elsewhere when the number of partitions has grown.
    queue
      .partitions()
      .flatMap((bull) =>
        (['active', 'delayed', 'waiting', 'completed'] as const).map((state) =>
          bull.getJobs([state], 0, LOOKED_THROUGH - 1, true),
        ),
      ),
  )
  const jobIds = new Set<string>()
  if (unfinishedId !== undefined) jobIds.add(unfinishedId)
  for (const job of looked.flat()) if (userIdOf(job) === userId && job.id !== undefined) jobIds.add(job.id)
  for (const job of failed) if (job.userId === userId) jobIds.add(job.jobId)

  const found = await Promise.all([...jobIds].map((jobId) => userJob(queue, jobId)))
  const jobs = found.filter((job) => job !== undefined)
  return {
    jobs: jobs.sort((a, b) => b.queuedAt.getTime() - a.queuedAt.getTime()),
    hasLostEvent: unfinishedId === undefined && (await isNamed(queue, userId)),
  }
}

/** Whether deduplication names a job of the user, though none was found a moment ago or is found now. */
async function isNamed(queue: EventQueue, userId: string): Promise<boolean> {
  const named = await Promise.all(queue.partitions().map((bull) => bull.getDeduplicationJobId(userId)))
  return named.some((jobId) => jobId !== null) && (await queue.unfinishedJobOf(userId)) === undefined
}

async function userJob(queue: EventQueue, jobId: string): Promise<UserJob | undefined> {
  const job = await queue.findJob(jobId)
  const known = stateNamed((await job?.getState()) ?? 'unknown')
  if (job === undefined || known === undefined) return undefined
  return {
    jobId,
    state: known,
    source: String(job.data?.source ?? 'unknown'),
    queuedAt: new Date(job.timestamp),
    attempts: job.attemptsMade,
    maxAttempts: Number(job.opts.attempts ?? 1),
    ...(job.finishedOn === undefined ? {} : { finishedAt: new Date(job.finishedOn) }),
    ...(known === 'retrying' ? { nextAttemptAt: nextAttemptAt(job) } : {}),
    ...(known === 'active' && typeof job.progress === 'string' ? { heldBecause: causeOf(job.progress) } : {}),
    ...(OUTCOMES.includes(job.returnvalue?.outcome) ? { outcome: job.returnvalue.outcome } : {}),
    ...(job.failedReason === undefined ? {} : { cause: causeOf(job.failedReason) }),
  }
}

function stateNamed(state: string): UserJob['state'] | undefined {
  switch (state) {
    case 'waiting':
    case 'paused':
    case 'prioritized':
      return 'waiting'
    case 'delayed':
      return 'retrying'
    case 'active':
    case 'completed':
    case 'failed':
      return state
    default:
      return undefined
  }
}
