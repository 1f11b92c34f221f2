import { runMigrations } from 'bullmq'
import pg from 'pg'
import { parseQueueUrl } from '../config/queue-url.js'
import { queueSchema } from './schema-name.js'

/**
 * Creates or updates the queue's schema if the queue is on Postgres. Safe to run twice and concurrently.
 *
 * @returns the schema's name, or `undefined` if the queue is on Redis, which needs none
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
