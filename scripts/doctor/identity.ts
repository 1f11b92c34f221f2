import { readDatabaseIdentity } from '../../db/identity.js'
import type { Database } from '../../db/schema.js'
import { foreignOwnerOf, foreignQueueMessage } from '../../queue/identity.js'
import type { EventQueue } from '../../queue/open.js'
import { type Check, failed, ok } from './check.js'

/** Whether the queue serves this database, or is another one's, whose events a worker would take. */
export async function checkIdentity(db: Database, queue: EventQueue): Promise<Check[]> {
  const identity = await readDatabaseIdentity(db)
  const other = await foreignOwnerOf(queue, identity)
  if (other === undefined) return [ok('identity', `the queue serves no database but ${identity.name}`)]
  return [failed('identity', foreignQueueMessage(queue, identity, other), 'set QUEUE_URL or QUEUE_PREFIX')]
}
