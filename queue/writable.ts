import { Cluster, Redis } from 'ioredis'
import type pg from 'pg'
import { FAIL_IF_READ_ONLY } from '../config/session-pool.js'
import type { EventQueue } from './open.js'

/** Lifetime of the key that is written. */
const LIFETIME_MS = 1000

/**
 * Checks that every partition of the queue accepts writes. Reads prove nothing: they also work on a replica, and on a Redis
 * that is out of memory or disk space.
 */
export async function checkQueueIsWritable({ link: { client }, partitions }: EventQueue): Promise<void> {
  if (client instanceof Redis || client instanceof Cluster) {
    const prefixes = partitions().map((bull) => bull.opts.prefix)
    await Promise.all(prefixes.map((prefix) => client.set(`${prefix}:writable`, 1, 'PX', LIFETIME_MS)))
  } else await (client as pg.Pool).query(FAIL_IF_READ_ONLY)
}
