import { Kysely, PostgresDialect, type PostgresPool } from 'kysely'
import type pg from 'pg'
import { SessionPool } from '../config/session-pool.js'
import { cancelStatement } from './cancel.js'
import { forgetIfChanged } from './columns.js'
import type { Database, Schema } from './schema.js'

interface ConnectOptions {
  /** Shown in `pg_stat_activity`. */
  applicationName?: string
  /** Maximum number of connections. */
  max?: number
  /**
   * Time limit of a statement in milliseconds, by default 30 s; 0 means none. A statement that exceeds it fails and its
   * connection is closed, because the server may be gone and the connection half open.
   */
  queryTimeoutMs?: number
  /** Called with errors of idle connections. They need no action: the pool opens new connections. */
  onError?: (error: Error) => void
}

/**
 * Opens a pool for the application's database. It connects with the first statement, which waits at most 5 s for a
 * connection. `?schema=name` in the URL selects the schema, as in Prisma.
 */
export function connectDatabase(url: string, options: ConnectOptions = {}): Database {
  const pool = createPool(url, options)
  const onQueryError = (error: unknown) => forgetIfChanged(db, error)
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: watched(pool, onQueryError) }) })
  return db
}

const QUERY_TIMEOUT_MS = 30_000

/** An error of node-postgres that has no code. */
const READ_TIMEOUT = 'Query read timeout'

/**
 * Closes connections on which a statement timed out. node-postgres would hand them to the next caller, whose statement then
 * waits behind the first.
 */
function watched(pool: pg.Pool, onQueryError: (error: unknown) => void): PostgresPool {
  return {
    async connect() {
      const client = await pool.connect()
      let timedOut = false
      const query = async (text: string, values: unknown[]) => {
        try {
          return await client.query(text, values)
        } catch (error) {
          if (error instanceof Error && error.message === READ_TIMEOUT) {
            timedOut = true
            // It may hold locks that the next attempt would wait for.
            cancelStatement(client)
          }
          onQueryError(error)
          throw error
        }
      }
      return { query: query as never, release: () => client.release(timedOut) }
    },
    end: () => pool.end(),
  }
}

/**
 * Makes the server (14 or newer) cancel statements whose client is gone. Otherwise a statement that waits for a lock stays, and
 * each retry adds another, until the server runs out of connections.
 */
async function cancelWhenClientIsGone(client: pg.ClientBase): Promise<void> {
  await client
    .query(
      `select set_config(name, '10s', false) from pg_settings where name = 'client_connection_check_interval'`,
    )
    // Some operating systems cannot detect it, and their servers reject the setting.
    .catch(() => undefined)
}

function createPool(url: string, options: ConnectOptions): pg.Pool {
  const pool = new SessionPool({
    url,
    application_name: options.applicationName ?? 'auto-enroll',
    connectionTimeoutMillis: 5000,
    query_timeout: options.queryTimeoutMs ?? QUERY_TIMEOUT_MS,
    keepAlive: true,
    // The operating system's default is two hours.
    keepAliveInitialDelayMillis: 10_000,
    onConnect: cancelWhenClientIsGone,
    max: options.max ?? 10,
  })
  return pool.on('error', options.onError ?? (() => undefined))
}
