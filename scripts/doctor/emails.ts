import { count } from '../../dashboard/words.js'
import type { Columns } from '../../db/columns.js'
import { countSharedMailboxes, findsEmailsFast } from '../../db/emails.js'
import { withStatementTimeout } from '../../db/inspect.js'
import type { Database } from '../../db/schema.js'
import { CHECK_TIMEOUT_MS, type Check, ok, warning } from './check.js'

/** Up to so many users, comparing emails without an index takes a sign-up a few milliseconds. */
const MANY_USERS = 20_000

/** Whether sign-up finds an email fast whatever its case, and whether several users share a mailbox. */
export async function checkEmails(db: Database, columns: Columns): Promise<Check[]> {
  const { users, fast } = await findsEmailsFast(db, columns)
  const shared = await withStatementTimeout(db, CHECK_TIMEOUT_MS, (tx) =>
    countSharedMailboxes(tx, columns),
  ).catch(() => 0)
  const checks = [
    ...(!fast && users > MANY_USERS
      ? [
          warning(
            'emails',
            `each sign-up reads all ${count(users, 'user')} to find an email whatever its case`,
            'CREATE UNIQUE INDEX CONCURRENTLY ON "User" (lower(email))',
          ),
        ]
      : []),
    ...(shared > 0
      ? [
          warning(
            'emails',
            `${count(shared, 'email')} ${shared === 1 ? 'belongs' : 'belong'} to several users, in spellings that differ in case only`,
            'merge these users: a sign-in with Google takes the one whose email is proven, or else the oldest',
          ),
        ]
      : []),
  ]
  return checks.length > 0 ? checks : [ok('emails', 'no two users share one')]
}
