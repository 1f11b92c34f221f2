import { within } from '../config/deadline.js'
import { Refusal } from '../config/refusal.js'
import { readDatabaseIdentity } from '../db/identity.js'
import type { Database } from '../db/schema.js'
import { refuseForeignQueue } from '../queue/identity.js'
import type { EventQueue } from '../queue/open.js'

const TIMEOUT_MS = 1000

/**
 * Refuses to act on a queue that serves another database. Where that cannot be found out at once, because a server is away
 * or no database is named, the command goes on.
 *
 * @throws {Refusal}
 */
export async function refuseForeign(db: Database | undefined, queue: EventQueue): Promise<void> {
  if (db === undefined) return
  const check = async () => refuseForeignQueue(queue, await readDatabaseIdentity(db))
  await within(TIMEOUT_MS, check()).catch((error: unknown) => {
    if (error instanceof Refusal) throw error
  })
}
