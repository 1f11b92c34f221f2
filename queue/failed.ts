import { type Cause, causeOf } from './causes.js'
import type { BullQueue, EventQueue } from './open.js'
import type { UserCreatedJob } from './user-created.js'

/** What we show of a failed job: its cause, but no stack and no other message. */
export interface FailedJob {
  jobId: string
  userId: string
  cause: Cause
  attempts: number
  source: string
  queuedAt: Date
  failedAt: Date
}

/** A partition keeps no more failed jobs than this (see the job options). */
const MAX_FAILED_JOBS = 10_000
const PAGE = 200

const MAX_SOURCE_LENGTH = 50

/** All kept failed jobs in pages, partition by partition, the latest first. */
export async function* failedJobs(queue: EventQueue): AsyncGenerator<FailedJob[]> {
  for (const bull of queue.partitions()) yield* failedJobsIn(bull)
}

async function* failedJobsIn(bull: BullQueue): AsyncGenerator<FailedJob[]> {
  const kept = Math.min(await bull.getFailedCount(), MAX_FAILED_JOBS)
  for (let start = 0; start < kept; start += PAGE) {
    // Fewer than a page where some are gone, or cannot be read.
    const jobs = await bull.getJobs(['failed'], start, start + PAGE - 1)
    if (jobs.length > 0) yield jobs.map(failedJob)
  }
}

function failedJob(job: UserCreatedJob): FailedJob {
  return {
    jobId: job.id ?? '',
    userId: userIdOf(job),
    cause: causeOf(job.failedReason),
    attempts: job.attemptsMade,
    source: String(job.data?.source ?? 'unknown').slice(0, MAX_SOURCE_LENGTH),
    queuedAt: new Date(job.timestamp),
    failedAt: new Date(job.finishedOn ?? job.timestamp),
  }
}

/** The user id in a job's data, or an empty string if the data is not an event. */
export function userIdOf(job: UserCreatedJob): string {
  const userId: unknown = job.data?.userId
  return typeof userId === 'string' && userId.length <= 255 ? userId : ''
}

export interface Failures {
  cause: Cause
  jobs: number
  firstSeen: Date
  lastSeen: Date
  /** The latest of these jobs. */
  exampleJobId: string
}

/** Failed jobs by cause, the most frequent first. */
export function groupByCause(jobs: Iterable<FailedJob>): Failures[] {
  const groups = new Map<string, Failures>()
  for (const { cause, failedAt, jobId } of jobs) {
    const group = groups.get(cause.id)
    if (group === undefined) {
      groups.set(cause.id, { cause, jobs: 1, firstSeen: failedAt, lastSeen: failedAt, exampleJobId: jobId })
      continue
    }
    group.jobs += 1
    if (failedAt < group.firstSeen) group.firstSeen = failedAt
    if (failedAt > group.lastSeen) {
      group.lastSeen = failedAt
      group.exampleJobId = jobId
    }
  }
  return [...groups.values()].sort((a, b) => b.jobs - a.jobs)
}
