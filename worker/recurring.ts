import { recurrenceWaitMs } from '../queue/recurrence.js'

/** Remembers whom the reconciler has queued, so that a lasting cause does not produce a flood of jobs. */
export interface Recurring {
  /** The users of the page who are due to be queued. */
  due(userIds: readonly string[]): string[]
  /** Records that these users were queued now. Users who had an unfinished event are not among them. */
  queued(userIds: readonly string[]): void
  /** Forgets users who were not found since the last sweep began: they are enrolled, or deleted. */
  sweepEnded(): void
  /** Number of users who were queued several times and still have no enrollment. */
  count(): number
}

interface Memory {
  times: number
  /** On the monotonic clock. */
  notBefore: number
  sweep: number
}

/** A user who was queued this many times in vain counts as recurring. */
const RECURRING_AFTER = 3
/** Users beyond this number are queued in every round, as if for the first time. */
const REMEMBERED_USERS = 100_000

/**
 * After the first time, a user is due again in the next round, so that a lost queue is refilled at once; then after 2, 4, 8 … rounds,
 * at most an hour.
 */
export function rememberQueued(intervalMs: number): Recurring {
  const memories = new Map<string, Memory>()
  let sweep = 0

  return {
    due(userIds) {
      const now = performance.now()
      return userIds.filter((userId) => {
        const memory = memories.get(userId)
        if (memory !== undefined) memory.sweep = sweep
        return memory === undefined || memory.notBefore <= now
      })
    },
    queued(userIds) {
      for (const userId of userIds) {
        const times = (memories.get(userId)?.times ?? 0) + 1
        if (!memories.has(userId) && memories.size >= REMEMBERED_USERS) continue
        const notBefore = performance.now() + recurrenceWaitMs(times, intervalMs)
        memories.set(userId, { times, notBefore, sweep })
      }
    },
    sweepEnded() {
      for (const [userId, memory] of memories) if (memory.sweep < sweep) memories.delete(userId)
      sweep += 1
    },
    count() {
      return [...memories.values()].filter(({ times }) => times >= RECURRING_AFTER).length
    },
  }
}
