import { Cluster, Redis } from 'ioredis'
import { readPostgresClock, readRedisClock } from './inspect.js'
import type { EventQueue } from './open.js'

/** Smaller differences between clocks do no harm. */
const TOLERANCE_MS = 5000
/** A slower reply says too little about when the server read its clock. */
const LONGEST_ROUND_TRIP_MS = 1000

const ownTime = Date.now

export interface QueueClock {
  /**
   * Compares this machine's clock with the queue server's.
   *
   * @returns how far this machine's clock is ahead, in milliseconds, and whether it is too wrong to be used
   */
  compare(): Promise<{ aheadMs: number; isWrong: boolean }>
  /** Uses this machine's clock again. */
  stop(): void
}

/**
 * Makes this process use the queue server's clock while its own is wrong, by replacing `Date.now`. BullMQ locks, delays and
 * retries jobs by each worker's `Date.now()`: with clocks an hour apart, a job that one worker delays by a second waits for
 * an hour, or uses up its eight attempts within a second.
 */
export function createQueueClock({ link }: EventQueue): QueueClock {
  /** The server's time when this process's monotonic clock was 0. */
  let origin: number | undefined

  async function read(): Promise<number> {
    const { client } = link
    const isRedis = client instanceof Redis || client instanceof Cluster
    const askedAt = performance.now()
    const time = await (isRedis ? readRedisClock(client) : readPostgresClock(client))
    const tookMs = performance.now() - askedAt
    if (origin === undefined || tookMs < LONGEST_ROUND_TRIP_MS) origin = time - askedAt - tookMs / 2
    return origin
  }

  return {
    async compare() {
      const queueTime = await read().then((start) => () => Math.round(start + performance.now()))
      const aheadMs = ownTime() - queueTime()
      const isWrong = Math.abs(aheadMs) > TOLERANCE_MS
      if (isWrong) Date.now = queueTime
      else if (Date.now !== ownTime) Date.now = ownTime
      return { aheadMs, isWrong }
    },
    stop() {
      Date.now = ownTime
    },
  }
}
