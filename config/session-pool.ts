import pg from 'pg'
import { checkSearchPath, searchPathIn, searchPathOption } from './search-path.js'

export interface SessionPoolOptions extends Omit<pg.PoolConfig, 'connectionString' | 'options'> {
  /** `?schema=` selects the schema, as in Prisma; startup options in `?options=` apply too. */
  url: string
  /** Overrides `?schema=`. */
  schema?: string
}

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (error?: Error | boolean) => void,
) => void

/**
 * SQLSTATEs that are about the server rather than the statement: it is read-only (25006), the connection to it failed (08…),
 * it is shutting down or starting up (57P0…).
 */
const SERVER_CHANGED = /^(25006|08...|57P0[123])$/

/**
 * A pool that replaces all its connections as soon as one of them finds that the server has changed. A session that began
 * while the database was read-only stays read-only, and a pooler may still route a connection to the old primary.
 * node-postgres would keep handing out those connections.
 *
 * Every new connection is also checked for the right schema.
 */
export class SessionPool extends pg.Pool {
  /** Number of server changes seen so far. */
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
    const connecting = this.#connectToCurrentServer()
    if (callback === undefined) return connecting
    connecting.then(
      (client) => callback(undefined, client, client.release),
      (error: Error) => callback(error, undefined, () => undefined),
    )
    return undefined
  }

  async #connectToCurrentServer(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await super.connect()
      if (this.#generationOf.get(client) === this.#generation) return client
      client.release(true)
    }
  }

  #watch(client: pg.PoolClient): void {
    const generation = this.#generation
    this.#generationOf.set(client, generation)
    // An error on a connection in use fails its statement; it must not crash the process.
    client.on('error', () => undefined)
    client.connection.on('errorMessage', ({ code = '' }: { code?: string }) => {
      if (SERVER_CHANGED.test(code) && generation === this.#generation) this.#generation += 1
    })
  }
}

/** node-postgres ignores `?schema=`, and `?options=` would override all other startup options. */
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

/** A statement that fails with SQLSTATE 25006 in a read-only session and on a standby. */
export const FAIL_IF_READ_ONLY = `do $$ begin
  if current_setting('transaction_read_only')::boolean then raise read_only_sql_transaction; end if;
end $$`
