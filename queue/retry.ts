import { setTimeout as delay } from 'node:timers/promises'
import { causeOf } from './causes.js'
import { failedJobs } from './failed.js'
import type { EventQueue } from './open.js'

export interface RetryOptions {
  /** Retry only jobs that failed of this cause; all when it is not given. */
  causeId?: string
  /** Jobs a second at most. */
  perSecond?: number
  /** Unfinished jobs that the queue may hold; above it, retrying waits for the workers. */
  maxPending?: number
  onProgress?: (retried: number) => void
  signal?: AbortSignal
}

const CHUNK = 50

/**
 * Queues failed jobs again, with all their attempts, throttled. Users who were enrolled in the meantime are left alone. Jobs that
 * somebody else retried or removed meanwhile are skipped.
 *
 * @returns how many jobs were put back
 */
export async function retryFailed(
  queue: EventQueue,
  { causeId, perSecond = 500, maxPending = 50_000, onProgress, signal }: RetryOptions,
): Promise<number> {
  const jobIds: string[] = []
  for await (const page of failedJobs(queue)) {
    jobIds.push(
      ...page.filter((job) => causeId === undefined || job.cause.id === causeId).map((job) => job.jobId),
    )
  }
  let retried = 0
  for (let start = 0; start < jobIds.length; start += CHUNK) {
    signal?.throwIfAborted()
    while ((await queue.countUnfinished()) + CHUNK > maxPending) await delay(200, undefined, { signal })
    const chunk = jobIds.slice(start, start + CHUNK)
    const startedAt = performance.now()
    const outcomes = await Promise.all(chunk.map((jobId) => retryJob(queue, jobId, causeId)))
    retried += outcomes.filter((done) => done).length
    onProgress?.(retried)
    const restMs = (CHUNK / perSecond) * 1000 - (performance.now() - startedAt)
    if (restMs > 0 && start + CHUNK < jobIds.length) await delay(restMs, undefined, { signal })
  }
  return retried
}

async function retryJob(queue: EventQueue, jobId: string, causeId: string | undefined): Promise<boolean> {
  const job = await queue.findJob(jobId)
  if (job?.finishedOn === undefined || job.failedReason === undefined) return false
  if (causeId !== undefined && causeOf(job.failedReason).id !== causeId) return false
  return job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true }).then(
    () => true,
    async (error: unknown) => {
      if (await job.isFailed()) throw error
      return false
    },
  )
}
