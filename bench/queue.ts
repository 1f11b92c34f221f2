import { setTimeout as delay } from 'node:timers/promises'
import { type EventQueue, openQueue } from '../queue/open.js'
import type { Source } from '../queue/user-created.js'

const CHUNK = 1000
const POLL_MS = 10

/** The queue of one contestant. */
export function openBenchQueue(url: string, prefix: string, partitions = 1): EventQueue {
  return openQueue({
    url,
    prefix,
    partitions,
    timeoutMs: 60_000,
    onError: (error) => {
      throw error
    },
  })
}

export async function queueUsers(
  queue: EventQueue,
  userIds: readonly string[],
  source: Source,
): Promise<void> {
  for (let start = 0; start < userIds.length; start += CHUNK) {
    const chunk = userIds.slice(start, start + CHUNK)
    await queue.addMany(
      chunk.map((userId) => ({ v: 1, userId, source, occurredAt: new Date().toISOString() })),
    )
  }
}

/** Seconds from resuming a filled queue until it is empty. */
export async function drainSeconds(queue: EventQueue): Promise<number> {
  const startedAt = performance.now()
  await queue.resume()
  while ((await queue.countUnfinished()) > 0) await delay(POLL_MS)
  return (performance.now() - startedAt) / 1000
}
