import { Cluster, Redis } from 'ioredis'
import type { QueueLink } from './connect.js'
import type { BullQueue } from './open.js'

/** BullMQ's own: how many entries the stream of events keeps, about. */
const MAX_EVENTS = 10_000

/**
 * Writes what BullMQ needs to know of the queue whenever its Redis was connected, which may have lost its data since. BullMQ
 * writes it when it starts, or else with the first job, and the Redis user of sign-ups may not.
 */
export function describeWhenConnected({ client }: QueueLink, bulls: readonly BullQueue[]): void {
  if (!(client instanceof Redis || client instanceof Cluster)) return
  const redis = client
  redis.on('ready', () => {
    for (const bull of bulls) {
      redis.hsetnx(bull.toKey('meta'), 'opts.maxLenEvents', MAX_EVENTS).catch(() => undefined)
    }
  })
}
