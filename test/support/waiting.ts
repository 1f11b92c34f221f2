import { sql } from 'kysely'
import { expect } from 'vitest'
import type { TestDatabase } from './servers.js'

/** Resolves when this many statements in the database are waiting for another transaction to end. */
export async function statementsWaiting(database: TestDatabase, count = 1): Promise<void> {
  await expect
    .poll(
      async () => {
        const { rows } = await sql`
          select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
        `.execute(database.db)
        return rows.length
      },
      { timeout: 10_000, interval: 10 },
    )
    .toBe(count)
}
