import { Cluster, Redis } from 'ioredis'
import { inspectRedis } from './inspect.js'
import type { EventQueue } from './open.js'

/**
 * Why the queue can be read but not written, as a clause. `undefined` where it can be written, or where its server does not
 * say: Postgres reports it with the jobs, and a Redis user may be barred from INFO.
 */
export async function readWriteRefusal({ link }: EventQueue): Promise<string | undefined> {
  const { client } = link
  if (!(client instanceof Redis || client instanceof Cluster)) return undefined
  const servers = await inspectRedis(client).catch(() => [])
  for (const { address, isReplica, isFull } of servers) {
    if (isReplica) return `the queue’s Redis at ${address} is a replica and accepts no writes`
    if (isFull) return `the queue’s Redis at ${address} is out of memory (maxmemory) and accepts no writes`
  }
  return undefined
}
