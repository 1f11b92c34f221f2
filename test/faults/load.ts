import { randomUUID } from 'node:crypto'
import type { EventQueue } from '../../queue/open.js'
import type { ScenarioDatabase } from './database.js'

/** Commits users and queues their events at once, like a rush of sign-ups. */
export async function addUsers(
  { database, queue }: { database: ScenarioDatabase; queue: EventQueue },
  count: number,
): Promise<string[]> {
  const userIds = Array.from({ length: count }, () => `c${randomUUID()}`)
  await database.sql(
    `insert into "User" (id, email, name, "createdAt")
     select id, id || '@example.com', 'Somebody', now() at time zone 'UTC' from unnest($1::text[]) id`,
    [userIds],
  )
  const occurredAt = new Date().toISOString()
  await queue.addMany(userIds.map((userId) => ({ v: 1, userId, source: 'credentials', occurredAt })))
  return userIds
}
