import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Database, Schema } from './schema.js'

interface ConnectOptions {
  /** Shown in `pg_stat_activity`. */
  applicationName?: string
  /** Connections at most. */
  max?: number
  /** Told of errors on idle connections, which need no action: the pool opens new ones. */
  onError?: (error: Error) => void
}

/**
 * Opens a pool on the application's database. Nothing is connected before the first statement, which waits at most
 * 5 s for a connection. `?schema=name` in the URL selects the schema, as it does for Prisma.
 */
export function connectDatabase(url: string, options: ConnectOptions = {}): Database {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: createPool(url, options) }) })
}

function createPool(url: string, options: ConnectOptions): pg.Pool {
  const address = new URL(url)
  const schema = address.searchParams.get('schema')
  address.searchParams.delete('schema')
  const startup = [
    address.searchParams.get('options'),
    schema ? `-c search_path=${quoteStartupOption(schema)}` : null,
  ].filter((option) => option !== null)
  address.searchParams.delete('options')

  const pool = new pg.Pool({
    connectionString: address.href,
    application_name: options.applicationName ?? 'auto-enroll',
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    max: options.max ?? 10,
    ...(startup.length > 0 ? { options: startup.join(' ') } : {}),
  })
  pool.on('error', options.onError ?? (() => undefined))
  // The pool watches idle connections only. One that breaks in use fails its statement, and must not end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

function quoteStartupOption(schema: string): string {
  return `"${schema.replaceAll('"', '""')}"`.replace(/[\\\s]/g, '\\$&')
}
