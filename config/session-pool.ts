import pg from 'pg'
import { checkSearchPath, searchPathIn, searchPathOption } from './search-path.js'

export interface SessionPoolOptions extends Omit<pg.PoolConfig, 'connectionString' | 'options'> {
  /** Its `?schema=` is the schema of unqualified names, as for Prisma; startup options in its `?options=` apply too. */
  url: string
  /** Takes the place of the URL's `?schema=`. */
  schema?: string
}

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (error?: Error | boolean) => void,
) => void

/**
 * SQLSTATEs that tell something about the server rather than the statement: it is read-only (25006), the connection to it
 * failed (08…), it is shutting down or starting up (57P0…).
 */
const SERVER_CHANGED = /^(25006|08...|57P0[123])$/

/**
 * A pool that replaces all its connections once one of them meets a changed server. A session that began while the database
 * was read-only stays read-only, and a pooler's connection may still lead to the old primary; node-postgres would hand
 * out such connections again and again.
 *
 * Every new connection is checked to use the schema it should.
 */
export class SessionPool extends pg.Pool {
  /** Counts the changes of the server that connections met. */
  #generation = 0
  readonly #generationOf = new WeakMap<pg.PoolClient, number>()

  constructor({ url, schema, onConnect, ...config }: SessionPoolOptions) {
    const { connectionString, options } = withStartupOptions(url, schema)
    const searchPath = searchPathIn(options)
    super({
      ...config,
      connectionString,
      ...(options === '' ? {} : { options }),
      onConnect: async (client) => {
        if (searchPath !== undefined) await checkSearchPath(client, searchPath)
        await onConnect?.(client)
      },
    })
    this.on('connect', (client) => this.#watch(client))
  }

  override connect(): Promise<pg.PoolClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    const connecting = this.#connectToday()
    if (callback === undefined) return connecting
    connecting.then(
      (client) => callback(undefined, client, client.release),
      (error: Error) => callback(error, undefined, () => undefined),
    )
    return undefined
  }

  async #connectToday(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await super.connect()
      if (this.#generationOf.get(client) === this.#generation) return client
      client.release(true)
    }
  }

  #watch(client: pg.PoolClient): void {
    const generation = this.#generation
    this.#generationOf.set(client, generation)
    // A connection that breaks in use fails its statement, and must not end the process.
    client.on('error', () => undefined)
    client.connection.on('errorMessage', ({ code = '' }: { code?: string }) => {
      if (SERVER_CHANGED.test(code) && generation === this.#generation) this.#generation += 1
    })
  }
}

/** node-postgres ignores `?schema=`, and lets `?options=` take the place of all other startup options. */
function withStartupOptions(url: string, ownSchema: string | undefined) {
  const address = new URL(url)
  const { searchParams } = address
  const schema = ownSchema ?? (searchParams.get('schema') || undefined)
  const given = searchParams.get('options') ?? ''
  searchParams.delete('schema')
  searchParams.delete('options')
  return {
    connectionString: address.href,
    options: schema === undefined ? given : `${given} ${searchPathOption(schema)}`.trim(),
  }
}

/** A statement that fails with SQLSTATE 25006 where nothing can be written: in a read-only session, or on a standby. */
export const FAIL_IF_READ_ONLY = `do $$ begin
  if current_setting('transaction_read_only')::boolean then raise read_only_sql_transaction; end if;
end $$`
