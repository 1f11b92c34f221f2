/**
 * Slots of a process that jobs of backfill and reconciler take at most, or little more: while nobody signs up, and while
 * people do. With all of them a live job would wait for a turn of hundreds of others, in this process and in the queue;
 * Postgres works through them more slowly.
 */
export const BACKLOG_SLOTS = {
  redis: { alone: 30, shared: 8 },
  postgres: { alone: 10, shared: 4 },
} as const

/** For how long, at least, slots that live jobs have used are kept for them. */
export const KEEP_SLOTS_MS = 1000

/** Divides a worker's slots between live jobs and a backlog; which of them comes next, the queue alone decides. */
export interface Slots {
  /** Jobs that may be active: a backlog's share, and what live jobs need. */
  limit(): number
  /** A live job begins. Answers what tells that it has ended. */
  take(): () => void
  /** To be called every `KEEP_SLOTS_MS`: slots that no live job has used since the last time are for the backlog again. */
  release(): void
}

export function createSlots(all: number, backlog: { alone: number; shared: number }): Slots {
  let live = 0
  let most = 0
  let mostBefore = 0
  return {
    limit() {
      // Twice, for as many can be on their way to or from the queue.
      const kept = 2 * Math.max(most, mostBefore)
      return Math.min(all, kept + (kept === 0 ? backlog.alone : backlog.shared))
    },
    take() {
      live += 1
      most = Math.max(most, live)
      return () => {
        live -= 1
      }
    },
    release() {
      mostBefore = most
      most = live
    },
  }
}
