import { Kysely, PostgresDialect, type PostgresPool } from 'kysely'
import type pg from 'pg'
import { SessionPool } from '../config/session-pool.js'
import { cancelStatement } from './cancel.js'
import { forgetIfChanged } from './columns.js'
import type { Database, Schema } from './schema.js'

interface ConnectOptions {
  /** Shown in `pg_stat_activity`. */
  applicationName?: string
  /** Connections at most. */
  max?: number
  /**
   * How long a statement may go unanswered, in milliseconds, by default 30 s; 0 waits for as long as it takes. Then it
   * fails, and its connection is dropped: the server may be gone, and the connection half open.
   */
  queryTimeoutMs?: number
  /** Told of errors on idle connections, which need no action: the pool opens new ones. */
  onError?: (error: Error) => void
}

/**
 * Opens a pool on the application's database. Nothing is connected before the first statement, which waits at most
 * 5 s for a connection. `?schema=name` in the URL selects the schema, as it does for Prisma.
 */
export function connectDatabase(url: string, options: ConnectOptions = {}): Database {
  const pool = createPool(url, options)
  const onQueryError = (error: unknown) => forgetIfChanged(db, error)
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: watched(pool, onQueryError) }) })
  return db
}

const QUERY_TIMEOUT_MS = 30_000

/** node-postgres says it in words alone. */
const READ_TIMEOUT = 'Query read timeout'

/**
 * The pool, with connections dropped on which a statement went unanswered. node-postgres would hand them to the next
 * caller, whose statement then waits behind the unanswered one.
 */
function watched(pool: pg.Pool, onQueryError: (error: unknown) => void): PostgresPool {
  return {
    async connect() {
      const client = await pool.connect()
      let silent = false
      const query = async (text: string, values: unknown[]) => {
        try {
          return await client.query(text, values)
        } catch (error) {
          if (error instanceof Error && error.message === READ_TIMEOUT) {
            silent = true
            // It may hold locks that the next attempt would wait for.
            cancelStatement(client)
          }
          onQueryError(error)
          throw error
        }
      }
      return { query: query as never, release: () => client.release(silent) }
    },
    end: () => pool.end(),
  }
}

/**
 * Lets the server (14 or newer) end a statement whose client has gone. One that waits for a lock would otherwise stay, and
 * each retry would add another, until the server is out of connections.
 */
async function noticeWhenClientIsGone(client: pg.ClientBase): Promise<void> {
  await client
    .query(
      `select set_config(name, '10s', false) from pg_settings where name = 'client_connection_check_interval'`,
    )
    // Not every system can tell, and those refuse the setting.
    .catch(() => undefined)
}

function createPool(url: string, options: ConnectOptions): pg.Pool {
  const pool = new SessionPool({
    url,
    application_name: options.applicationName ?? 'auto-enroll',
    connectionTimeoutMillis: 5000,
    query_timeout: options.queryTimeoutMs ?? QUERY_TIMEOUT_MS,
    keepAlive: true,
    // The system's own default is two hours.
    keepAliveInitialDelayMillis: 10_000,
    onConnect: noticeWhenClientIsGone,
    max: options.max ?? 10,
  })
  return pool.on('error', options.onError ?? (() => undefined))
}
