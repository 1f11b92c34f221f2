import { sql, type Transaction } from 'kysely'
import { within } from '../config/deadline.js'
import { codeOf } from '../config/safe-error.js'
import type { Database, Schema } from './schema.js'

const LOCK_NOT_AVAILABLE = '55P03'

/**
 * Runs statements in a transaction that takes at most `ms`, whatever is locked, frozen or away. Nothing of it stays behind:
 * the server ends a statement that waits for a lock, and what got through too late is rolled back. Only a commit whose
 * answer is lost leaves open whether it took place.
 *
 * @throws {Error} when it took too long, or what a statement throws
 */
export function boundedTransaction<T>(
  db: Database,
  ms: number,
  work: (tx: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  const endsAt = performance.now() + ms
  // The server gives up first, so that its reason is known and the connection stays usable.
  const [lockMs, statementMs] = [0.7, 0.8].map((share) => String(Math.max(1, Math.round(ms * share))))

  const done = db.transaction().execute(async (tx) => {
    throwIfPast(endsAt)
    await sql`
      select set_config('lock_timeout', ${lockMs}, true), set_config('statement_timeout', ${statementMs}, true)
    `.execute(tx)
    const result = await work(tx)
    throwIfPast(endsAt)
    return result
  })
  return within(ms, done).catch((error: unknown) => {
    throw codeOf(error) === LOCK_NOT_AVAILABLE ? new Error('another transaction holds a lock on it') : error
  })
}

function throwIfPast(endsAt: number): void {
  if (performance.now() > endsAt) throw new Error('the database answered too late')
}
