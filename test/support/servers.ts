import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import type { Database } from '../../db/schema.js'
import { TEMPLATE } from './global-setup.js'

/** A database for one test file. */
export interface TestDatabase {
  readonly url: string
  readonly db: Database
  /** Runs SQL as the superuser. */
  sql<Row extends pg.QueryResultRow = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<Row[]>
}

export interface TestDatabaseOptions {
  /** Run in an empty database, instead of a clone of the migrated one. */
  ddl?: string
  /** Name of a schema that is created and selected with `?schema=` in the URL. */
  schema?: string
  /** Time zone of the database's sessions. */
  timeZone?: string
  /** An ICU locale to compare text by; without it, text is compared by its bytes. Goes with `ddl`. */
  icuLocale?: string
}

/**
 * Gives the test file a database: a clone of the migrated one, or an empty one to run `ddl` in. It is dropped at the end,
 * which fails if a connection was left open.
 */
export function useDatabase({ ddl, schema, timeZone, icuLocale }: TestDatabaseOptions = {}): TestDatabase {
  const name = `test_${randomBytes(6).toString('hex')}`
  let url = ''
  let db: Database | undefined
  let client: pg.Client | undefined

  beforeAll(async () => {
    const address = new URL(inject('postgresUrl'))
    address.pathname = name
    if (schema !== undefined) address.searchParams.set('schema', schema)
    url = address.href
    const locale = icuLocale === undefined ? '' : `locale_provider icu icu_locale '${icuLocale}'`
    await asAdmin(`create database ${name} template ${ddl === undefined ? TEMPLATE : 'template0'} ${locale}`)
    if (timeZone !== undefined) await asAdmin(`alter database ${name} set timezone = '${timeZone}'`)
    client = new pg.Client(url)
    await client.connect()
    if (schema !== undefined) {
      const quoted = client.escapeIdentifier(schema)
      await client.query(`create schema ${quoted}; set search_path to ${quoted}`)
    }
    if (ddl !== undefined) await client.query(ddl)
    db = connectDatabase(url)
  })

  afterAll(async () => {
    await db?.destroy()
    await client?.end()
    await dropWhenUnused(name)
  })

  return {
    get url() {
      return url
    },
    get db() {
      return present(db)
    },
    async sql<Row extends pg.QueryResultRow>(text: string, values?: unknown[]) {
      return (await present(client).query<Row>(text, values)).rows
    },
  }
}

/** Postgres notices that a connection is closed a moment later than the client. */
async function dropWhenUnused(name: string): Promise<void> {
  const admin = new pg.Client(inject('postgresUrl'))
  await admin.connect()
  const deadline = Date.now() + 5000
  try {
    for (;;) {
      const { rows } = await admin.query<{ application_name: string; query: string }>(
        'select application_name, query from pg_stat_activity where datname = $1',
        [name],
      )
      if (rows.length === 0) break
      if (Date.now() > deadline) throw new Error(`connections were left open: ${JSON.stringify(rows)}`)
    }
    await admin.query(`drop database ${name}`)
  } finally {
    await admin.end()
  }
}

async function asAdmin(statement: string): Promise<void> {
  const admin = new pg.Client(inject('postgresUrl'))
  await admin.connect()
  try {
    await admin.query(statement)
  } finally {
    await admin.end()
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('used before the test file has started')
  return value
}

/** Every suite that touches a queue runs on both. */
export const BACKENDS = ['redis', 'postgres'] as const
export type Backend = (typeof BACKENDS)[number]

/** Where a test's queue is: on Redis under its own prefix, on Postgres in the test file's database. */
export function queuePlace(backend: Backend, database: TestDatabase): { url: string; prefix: string } {
  return backend === 'redis'
    ? { url: inject('redisUrl'), prefix: `{test-${randomBytes(6).toString('hex')}}` }
    : { url: database.url, prefix: '{auto-enroll}' }
}
