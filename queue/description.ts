import type { Queue } from 'bullmq'
import { Cluster, Redis } from 'ioredis'
import type { QueueLink } from './connect.js'

/** BullMQ's default: roughly how many entries the stream of events keeps. */
const MAX_EVENTS = 10_000

/**
 * Writes BullMQ's settings of the queue after each connection, because Redis may have lost its data meanwhile. BullMQ writes
 * them only when it starts or with the next job, and the Redis user of sign-ups may not write them.
 */
export function describeWhenConnected({ client }: QueueLink, bulls: readonly Pick<Queue, 'toKey'>[]): void {
  if (!(client instanceof Redis || client instanceof Cluster)) return
  const redis = client
  redis.on('ready', () => {
    for (const bull of bulls) {
      redis.hsetnx(bull.toKey('meta'), 'opts.maxLenEvents', MAX_EVENTS).catch(() => undefined)
    }
  })
}
