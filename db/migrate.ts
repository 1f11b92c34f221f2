import { sql } from 'kysely'
import { createApplicationTables } from './migrations/application-tables.js'
import type { Database } from './schema.js'

/** Serialises concurrent runs; the number spells `aenr`. */
const MIGRATION_LOCK = 0x61656e72

/**
 * Makes the three tables where none of them exists, in one transaction under an advisory lock: safe to run twice and
 * at the same time.
 *
 * @returns whether anything was made
 */
export function migrate(db: Database): Promise<{ created: boolean }> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(tx)
    return { created: await createApplicationTables(tx) }
  })
}
