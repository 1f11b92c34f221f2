import { sql } from 'kysely'
import type { Database } from './schema.js'

/** Names the reconciler's advisory lock; the number spells `aerc`. */
const RECONCILE_LOCK = 0x61657263

/**
 * Runs `work` while holding the fleet's reconcile lock; a crash frees it. The lock belongs to a transaction that does
 * nothing else, because a pooler in transaction mode would leave a session's lock behind on a connection of its own. A
 * holder that vanished from the network loses it after half a minute: the server's own default is two hours.
 *
 * @returns what `work` returns, or `undefined` at once when somebody else holds the lock
 */
export function withReconcileLock<T>(db: Database, work: () => Promise<T>): Promise<T | undefined> {
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ locked: boolean }>`
      select pg_try_advisory_xact_lock(${sql.lit(RECONCILE_LOCK)}) as locked,
        set_config('tcp_keepalives_idle', '15', true), set_config('tcp_keepalives_interval', '5', true),
        set_config('tcp_keepalives_count', '3', true)
    `.execute(tx)
    return rows[0]?.locked === true ? work() : undefined
  })
}
