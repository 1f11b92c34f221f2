import { Cluster, Redis } from 'ioredis'
import { readPostgresClock, readRedisClock } from './inspect.js'
import type { EventQueue } from './open.js'

/** Clocks that differ by less do no harm. */
const TOLERANCE_MS = 5000
/** A reply that took longer says too little about the moment at which the server read its clock. */
const LONGEST_ROUND_TRIP_MS = 1000

const ownTime = Date.now

export interface QueueClock {
  /**
   * Compares with the queue's server again.
   *
   * @returns how far this machine's clock is ahead, in milliseconds, and whether it is so wrong that it is not used
   */
  compare(): Promise<{ aheadMs: number; isWrong: boolean }>
  /** Goes by this machine's clock again. */
  stop(): void
}

/**
 * Lets this process go by the clock of the queue's server while its own is wrong. BullMQ locks jobs, puts them off and
 * takes them up again by `Date.now()` of each worker: with clocks that differ by an hour, a job that one has put off for a
 * second waits for an hour, or is tried eight times within one.
 */
export function createQueueClock({ link }: EventQueue): QueueClock {
  /** The server's time when the monotonic clock, which nobody sets, was at 0. */
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
