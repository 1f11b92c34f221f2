import { runMigrations } from 'bullmq'
import pg from 'pg'
import { parseQueueUrl } from '../config/queue-url.js'
import { queueSchema } from './schema-name.js'

/**
 * Makes or updates the queue's own schema where the queue is on Postgres; safe to run twice and at the same time.
 *
 * @returns the schema's name, or `undefined` where the queue is on Redis and needs none
 */
export async function migrateQueue(url: string, prefix: string): Promise<string | undefined> {
  const address = parseQueueUrl(url)
  if (address.kind !== 'postgres') return undefined
  const schema = queueSchema(prefix)
  const client = new pg.Client({
    connectionString: address.url,
    application_name: 'auto-enroll migrate',
    connectionTimeoutMillis: 5000,
  })
  await client.connect()
  try {
    await runMigrations(client, schema)
  } finally {
    await client.end()
  }
  return schema
}
