import pg from 'pg'

/** Tells the demo's leftovers from a schema that somebody else gave the same name. */
const MARK = 'Made by the demo of auto-enroll, which drops it'
/** First half of an advisory lock's key; the number spells `aedm`. */
const LOCK = 0x6165646d

/**
 * Makes an empty schema for the demo alone, and holds it by an advisory lock that a crash frees. What an earlier demo
 * left behind is dropped first.
 *
 * @returns drops the schema
 * @throws {Error} when another demo holds it, or when it exists and no demo made it
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
    // A connection of its own, because the holder may have been cut off long ago.
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
    throw new Error(`another demo is running in the schema "${schema}" of this database: end that one first`)
  }
  if (found.exists && found.comment !== MARK) {
    throw new Error(
      `the database has a schema "${schema}" that no demo made, and the demo touches nothing of others: ` +
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
