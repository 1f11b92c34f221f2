import type { EventQueue } from './open.js'

/**
 * The age of the oldest event that waits for a worker, in milliseconds; 0 when none waits. Jobs that wait for a retry do
 * not count.
 */
export async function oldestWaitingMs(queue: EventQueue): Promise<number> {
  const bull = queue.bull()
  // Each list is in the order in which it is consumed, so its first job is its oldest.
  const [waiting, prioritized] = await Promise.all([
    bull.getJobs(['waiting'], 0, 0, true),
    bull.getJobs(['prioritized'], 0, 0, true),
  ])
  const ages = [...waiting, ...prioritized].map((job) => Date.now() - job.timestamp)
  return Math.max(0, ...ages)
}
