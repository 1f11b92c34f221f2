import type { EventQueue } from './open.js'

/**
 * The age of the oldest event that waits for a worker, in milliseconds; 0 when none waits. Jobs that wait for a retry do
 * not count.
 */
export async function oldestWaitingMs(queue: EventQueue): Promise<number> {
  // Each list is in the order in which it is consumed, so its first job is its oldest.
  const oldest = await Promise.all(
    queue
      .partitions()
      .flatMap((bull) => [bull.getJobs(['waiting'], 0, 0, true), bull.getJobs(['prioritized'], 0, 0, true)]),
  )
  const ages = oldest.flat().map((job) => Date.now() - job.timestamp)
  return Math.max(0, ...ages)
}
