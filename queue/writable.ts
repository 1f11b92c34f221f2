import { Cluster, Redis } from 'ioredis'
import type pg from 'pg'
import { FAIL_IF_READ_ONLY } from '../config/session-pool.js'
import type { EventQueue } from './open.js'

/** How long the key that proves it stays. */
const PROOF_MS = 1000

/**
 * Checks that the queue takes writes, in each partition. Reading alone does not show it: a replica can be read, and so can
 * a Redis that is out of memory or disk.
 */
export async function checkQueueIsWritable({ link: { client }, partitions }: EventQueue): Promise<void> {
  if (client instanceof Redis || client instanceof Cluster) {
    const prefixes = partitions().map((bull) => bull.opts.prefix)
    await Promise.all(prefixes.map((prefix) => client.set(`${prefix}:writable`, 1, 'PX', PROOF_MS)))
  } else await (client as pg.Pool).query(FAIL_IF_READ_ONLY)
}
