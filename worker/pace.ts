/** Rows that one statement may insert: users × published courses. */
const MAX_ROWS = 20_000
/** How long a statement should take at most; well below any sensible `statement_timeout`. */
const TARGET_SECONDS = 1
/** What a statement that took too long leaves of the next. */
const AFTER_TIMEOUT = 1 / 8

export interface Pace {
  /** Users that one statement may name, to take a second at most, or so many. */
  users(courses: number, seconds?: number): number
  /** A statement of so many rows took so long. */
  took(rows: number, seconds: number): void
  /** A statement of so many rows was ended because it took too long. */
  tookTooLong(rows: number): void
}

/** Finds how many rows the database inserts in time: few where a trigger takes long for each. */
export function keepPace(): Pace {
  let most = MAX_ROWS
  return {
    users(courses, seconds = TARGET_SECONDS) {
      const rows = Math.min(MAX_ROWS, (most * seconds) / TARGET_SECONDS)
      return Math.max(1, Math.floor(rows / Math.max(1, courses)))
    },
    took(rows, seconds) {
      if (seconds > TARGET_SECONDS) most = Math.max(1, (rows * TARGET_SECONDS) / seconds)
      // A smaller one says nothing about a larger.
      else if (seconds < TARGET_SECONDS / 2 && rows >= most / 2) most = Math.min(MAX_ROWS, most * 2)
    },
    tookTooLong(rows) {
      most = Math.max(1, Math.min(most, rows) * AFTER_TIMEOUT)
    },
  }
}
