import { sql } from 'kysely'
import { within } from '../config/deadline.js'
import type { Database } from '../db/schema.js'
import { countUsersWithoutEnrollment } from '../db/users.js'

/** A count over all users takes up to a second on a million of them, so it is not repeated for every scrape. */
const EVERY_MS = 30_000
/** While a count takes longer than a scrape waits, the last one stands in for it, until it is this old. */
const VALID_MS = 120_000
const SCRAPE_WAITS_MS = 1000

/** Counts users without an enrollment for the metrics, seldom; rejects at once while the database does not work. */
export function missingUsersCounter(db: Database): () => Promise<number> {
  let last: { users: number; countedAt: number } | undefined
  let counting: Promise<number> | undefined

  async function count(): Promise<number> {
    const countedAt = performance.now()
    try {
      const users = await countUsersWithoutEnrollment(db)
      last = { users, countedAt }
      return users
    } catch (error) {
      last = undefined
      throw error
    } finally {
      counting = undefined
    }
  }

  return async () => {
    await sql`select 1`.execute(db)
    const ageMs = last === undefined ? Number.POSITIVE_INFINITY : performance.now() - last.countedAt
    if (last !== undefined && ageMs < EVERY_MS) return last.users
    counting ??= count()
    if (ageMs > VALID_MS) return counting
    return within(SCRAPE_WAITS_MS, counting).catch((error: unknown) => {
      if (last === undefined) throw error
      return last.users
    })
  }
}
