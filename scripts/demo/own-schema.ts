import pg from 'pg'

/** Tells the demo's leftovers apart from somebody else's schema of the same name. */
const MARK = 'Made by the demo of auto-enroll, which drops it'
/** First half of an advisory lock's key; the number spells `aedm`. */
const LOCK = 0x6165646d

/**
 * Creates an empty schema for this demo and holds it with an advisory lock, which a crash releases. Drops what an earlier
 * demo left behind.
 *
 * @returns a function that drops the schema
 * @throws {Error} when another demo holds it, or when it exists and no demo created it
 */
export async function claimSchema(url: string, schema: string): Promise<() => Promise<void>> {
  const holder = await open(url)
  try {
    await claim(holder, schema)
  } catch (error) {
    await holder.end()
    throw error
  }
  return async () => {
    // A new connection, because the holder's may have broken long ago.
    const client = await open(url)
    await client
      .query(`drop schema if exists ${pg.escapeIdentifier(schema)} cascade`)
      .finally(() => client.end())
    await holder.end()
  }
}

async function claim(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ held: boolean; exists: boolean; comment: string | null }>(
    `select pg_try_advisory_lock($1, hashtext($2)) as held,
      to_regnamespace(quote_ident($2)) is not null as exists,
      obj_description(to_regnamespace(quote_ident($2)), 'pg_namespace') as comment`,
    [LOCK, schema],
  )
  const [found] = rows
  if (found?.held !== true) {
    throw new Error(`another demo is running in the schema "${schema}" of this database: stop it first`)
  }
  if (found.exists && found.comment !== MARK) {
    throw new Error(
      `the database has a schema "${schema}" that no demo created, and the demo touches only its own: ` +
        'rename it, or unset DATABASE_URL and QUEUE_URL',
    )
  }
  const name = pg.escapeIdentifier(schema)
  await client.query(
    `drop schema if exists ${name} cascade; create schema ${name}; comment on schema ${name} is ${pg.escapeLiteral(MARK)}`,
  )
}

async function open(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'auto-enroll demo',
    connectionTimeoutMillis: 5000,
    query_timeout: 10_000,
    keepAlive: true,
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}
