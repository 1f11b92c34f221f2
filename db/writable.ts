import { sql } from 'kysely'
import { FAIL_IF_READ_ONLY } from '../config/session-pool.js'
import type { Database } from './schema.js'

/**
 * Checks that the database accepts writes, that is, it is neither a standby nor set to read-only.
 *
 * @throws {pg.DatabaseError} with SQLSTATE 25006 if it does not
 */
export async function checkDatabaseIsWritable(db: Database): Promise<void> {
  await sql.raw(FAIL_IF_READ_ONLY).execute(db)
}
