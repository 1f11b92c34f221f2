/**
 * Jobs of backfill and reconciler that a process works on at a time: at most `alone`. While people sign up it fetches
 * only `shared` of them, or little more; right after a burst of sign-ups it may fetch more than it works on, which wait.
 * With all slots, a live job would wait for a turn of hundreds of others, in this process and in the queue; Postgres works
 * through them more slowly.
 */
export const BACKLOG_SLOTS = {
  redis: { alone: 30, shared: 8 },
  postgres: { alone: 10, shared: 4 },
} as const

/** For how long, at least, slots that live jobs have used are kept for them. */
export const KEEP_SLOTS_MS = 1000

/** Divides a worker's slots between live jobs and a backlog; the queue alone decides which of them comes next. */
export interface Slots {
  /** Jobs that may be active: a backlog's share, what live jobs need, and one for each that waits for somebody's lock. */
  limit(): number
  /** Marks a live job as started; returns a function that marks it finished. */
  take(): () => void
  /** Marks a job, live or not, as waiting for others, so that another may be active; returns a function that ends it. */
  lend(): () => void
  /** To be called every `KEEP_SLOTS_MS`: slots that no live job has used since the last time are for the backlog again. */
  release(): void
}

export function createSlots(all: number, backlog: { alone: number; shared: number }): Slots {
  let live = 0
  let most = 0
  let mostBefore = 0
  let lent = 0
  return {
    limit() {
      // Twice, for as many can be on their way to or from the queue.
      const kept = 2 * Math.max(most, mostBefore)
      return lent + Math.min(all, kept + (kept === 0 ? backlog.alone : backlog.shared))
    },
    take() {
      live += 1
      most = Math.max(most, live)
      return () => {
        live -= 1
      }
    },
    lend() {
      lent += 1
      return () => {
        lent -= 1
      }
    },
    release() {
      mostBefore = most
      most = live
    },
  }
}
