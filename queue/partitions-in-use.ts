import { Cluster, Redis } from 'ioredis'
import type { QueueLink } from './connect.js'
import type { EventQueue } from './open.js'

/** Which partitions would be left behind by a smaller number of them. */
export interface Abandoned {
  /** How many partitions the queue has had so far. */
  inUse: number
  /** Unfinished jobs in those that would be left behind. */
  unfinished: number
}

/**
 * What would be left behind if the queue had no more partitions than `queue` has; `undefined` when nothing is.
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

/** Why a smaller number of partitions is refused, as the value of the setting. */
export function partitionsRefusal(partitions: number, { inUse, unfinished }: Abandoned): string {
  return (
    `QUEUE_PARTITIONS: ${unfinished} unfinished jobs lie in partitions beyond ${partitions} of ${inUse}, which nobody ` +
    `would consume; set it to ${inUse} in the workers until they are done, while publishers use ${partitions}`
  )
}

/**
 * Remembers in Redis that workers consume the partitions that `queue` has. New ones are paused when the queue is.
 * Postgres has one partition, and nothing to remember.
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
