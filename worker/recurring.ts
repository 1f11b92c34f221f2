import { recurrenceWaitMs } from '../queue/recurrence.js'

/** Remembers whom the reconciler has queued, so that a cause that lasts does not become a flood of jobs. */
export interface Recurring {
  /** Those of the page whom it is time to queue. */
  due(userIds: readonly string[]): string[]
  /** Notes that these were queued now; whoever had an unfinished event is not among them. */
  queued(userIds: readonly string[]): void
  /** Forgets whoever was not found since the last sweep began: they are enrolled, or gone. */
  sweepEnded(): void
  /** Users who were queued again and again and are still found. */
  count(): number
}

interface Memory {
  times: number
  /** On the monotonic clock. */
  notBefore: number
  sweep: number
}

/** So many times queued in vain, a user counts as recurring. */
const RECURRING_AFTER = 3
/** Whoever does not fit is queued in every round, as if for the first time. */
const REMEMBERED_USERS = 100_000

/**
 * After the first time a user is due again in the next round, so that a lost queue is refilled at once; then after 2, 4, 8
 * … rounds, at most an hour.
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
