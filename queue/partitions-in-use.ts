import { Cluster, Redis } from 'ioredis'
import type { QueueLink } from './connect.js'
import type { EventQueue } from './open.js'

/** What would be left behind if the number of partitions were reduced. */
export interface Abandoned {
  /** How many partitions the workers have used so far. */
  inUse: number
  /** Unfinished jobs in the partitions that would go. */
  unfinished: number
}

/**
 * What would be left behind if workers used only the partitions of `queue`; `undefined` if nothing would.
 */
export async function abandonedPartitions(queue: EventQueue): Promise<Abandoned | undefined> {
  const inUse = await partitionsInUse(queue)
  if (inUse <= queue.partitions().length) return undefined
  const former = queue.withPartitions(inUse)
  try {
    const unfinished = (await former.countUnfinished()) - (await queue.countUnfinished())
    return unfinished > 0 ? { inUse, unfinished } : undefined
  } finally {
    await former.close()
  }
}

/** The message that refuses a smaller number of partitions. */
export function partitionsRefusal(partitions: number, { inUse, unfinished }: Abandoned): string {
  return (
    `QUEUE_PARTITIONS: ${unfinished} unfinished jobs are in partitions beyond ${partitions} of ${inUse}, which nobody ` +
    `would consume; set it to ${inUse} in the workers until they are done, while publishers use ${partitions}`
  )
}

/**
 * Stores in Redis how many partitions the workers consume. New ones are paused if the queue is. A queue on Postgres has one
 * partition and nothing to store.
 */
export async function usePartitions(queue: EventQueue): Promise<void> {
  const client = redisOf(queue.link)
  if (client === undefined) return
  const [inUse, wanted] = [await partitionsInUse(queue), queue.partitions().length]
  if (wanted > inUse && (await queue.isPaused())) await queue.pause()
  await client.set(keyOf(queue.link), wanted)
}

async function partitionsInUse(queue: EventQueue): Promise<number> {
  const remembered = await redisOf(queue.link)?.get(keyOf(queue.link))
  return Number(remembered ?? 1)
}

function redisOf({ client }: QueueLink): Redis | Cluster | undefined {
  return client instanceof Redis || client instanceof Cluster ? client : undefined
}

function keyOf({ options }: QueueLink): string {
  return `${options.prefix}:partitions`
}
