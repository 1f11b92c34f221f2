import { sql } from 'kysely'
import type { Database } from './schema.js'

/** Names the reconciler's advisory lock; the number spells `aerc`. */
const RECONCILE_LOCK = 0x61657263

/**
 * Runs `work` while holding the fleet's reconcile lock, on a connection of its own; a crash frees it.
 *
 * @returns what `work` returns, or `undefined` at once when somebody else holds the lock
 */
export function withReconcileLock<T>(db: Database, work: () => Promise<T>): Promise<T | undefined> {
  return db.connection().execute(async (connection) => {
    const { rows } = await sql<{ locked: boolean }>`
      select pg_try_advisory_lock(${sql.lit(RECONCILE_LOCK)}) as locked
    `.execute(connection)
    if (rows[0]?.locked !== true) return undefined
    try {
      return await work()
    } finally {
      await sql`select pg_advisory_unlock(${sql.lit(RECONCILE_LOCK)})`.execute(connection)
    }
  })
}
