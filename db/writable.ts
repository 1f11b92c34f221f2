import { sql } from 'kysely'
import { FAIL_IF_READ_ONLY } from '../config/session-pool.js'
import type { Database } from './schema.js'

/**
 * Checks that the database takes writes: neither a standby nor set to read-only.
 *
 * @throws with SQLSTATE 25006 when it does not
 */
export async function checkDatabaseIsWritable(db: Database): Promise<void> {
  await sql.raw(FAIL_IF_READ_ONLY).execute(db)
}
