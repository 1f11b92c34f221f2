import type { BullQueue, EventQueue } from './open.js'
import { readWriteRefusal } from './write-refusal.js'

/** What keeps connected workers from starting jobs. Each can be set for a single partition. */
export interface Limits {
  /** How many partitions the queue has. */
  partitions: number
  /** How many of them are paused. */
  paused: number
  /** The smallest number of jobs that may be active at the same time, and how many partitions have that limit. */
  concurrency?: { jobs: number; partitions: number }
  /** The slowest rate at which jobs may start, and how many partitions have one. */
  rate?: { jobs: number; perMs: number; partitions: number; nextStartAt?: Date }
  /** Why nothing can be written to the queue, as a clause. */
  refusal?: string
}

/**
 * Reads whether the queue is paused and what limits are stored in it. auto-enroll sets no limit: one comes from the jobs
 * page or from somebody's code, and applies to every worker until it is removed.
 */
export async function readLimits(queue: EventQueue): Promise<Limits> {
  const bulls = queue.partitions()
  const [paused, concurrencies, rates, refusal] = await Promise.all([
    Promise.all(bulls.map((bull) => bull.isPaused())),
    Promise.all(bulls.map((bull) => bull.getGlobalConcurrency())),
    Promise.all(bulls.map(readRate)),
    readWriteRefusal(queue),
  ])
  const smallest = concurrencies.filter((jobs) => jobs !== null).sort((a, b) => a - b)
  const slowest = rates
    .filter((rate) => rate !== undefined)
    .sort((a, b) => a.jobs / a.perMs - b.jobs / b.perMs)
  return {
    partitions: bulls.length,
    paused: paused.filter((isPaused) => isPaused).length,
    ...(refusal === undefined ? {} : { refusal }),
    ...(smallest[0] === undefined ? {} : { concurrency: { jobs: smallest[0], partitions: smallest.length } }),
    ...(slowest[0] === undefined ? {} : { rate: { ...slowest[0], partitions: slowest.length } }),
  }
}

async function readRate(bull: BullQueue) {
  const rate = await bull.getGlobalRateLimit()
  if (rate === null) return undefined
  const waitMs = await bull.getRateLimitTtl()
  return {
    jobs: rate.max,
    perMs: rate.duration,
    ...(waitMs > 0 ? { nextStartAt: new Date(Date.now() + waitMs) } : {}),
  }
}

/** Workers that wait for a rate limit look again after this time at the latest, also when the limit is gone. */
export const RATE_LIMIT_RECHECK_MS = 30_000

/** Removes every limit from every partition. A pause stays. */
export async function removeLimits(queue: EventQueue): Promise<void> {
  await Promise.all(
    queue
      .partitions()
      .flatMap((bull) => [
        bull.removeGlobalConcurrency(),
        bull.removeGlobalRateLimit(),
        bull.removeRateLimitKey(),
      ]),
  )
}
