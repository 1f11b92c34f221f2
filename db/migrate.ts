import { sql } from 'kysely'
import { createApplicationTables } from './migrations/application-tables.js'
import { createAuditTable } from './migrations/audit-table.js'
import type { Database } from './schema.js'

/** Serialises concurrent runs; the number spells `aenr`. */
const MIGRATION_LOCK = 0x61656e72

/**
 * Makes the three tables where none of them exists, and the audit log in a schema of our own, in one transaction under
 * an advisory lock: safe to run twice and at the same time.
 *
 * @returns whether the tables and the audit log were made; `false` where they existed
 */
export function migrate(db: Database): Promise<{ created: boolean; auditCreated: boolean }> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(tx)
    return { created: await createApplicationTables(tx), auditCreated: await createAuditTable(tx) }
  })
}
