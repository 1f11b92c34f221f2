import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import { migrateQueue } from '../../queue/migrate.js'
import { openQueue } from '../../queue/open.js'
import { event } from '../support/event.js'
import { type PgBouncer, startPgBouncer } from '../support/pgbouncer.js'
import { useDatabase } from '../support/servers.js'

const IGNORED = 'but the session came with "$user", public: a connection pooler ignores the startup option'

describe('behind a PgBouncer that ignores startup options', () => {
  const database = useDatabase()
  let pooler: PgBouncer

  beforeAll(async () => {
    pooler = await startPgBouncer(inject('postgresUrl'))
    await database.sql('create schema "My App"; create table "My App"."User" (); create table "plain" ()')
  })
  afterAll(() => pooler.stop())

  function connect(search: Record<string, string>) {
    const url = new URL(pooler.through(database.url))
    for (const [name, value] of Object.entries(search)) url.searchParams.set(name, value)
    const db = connectDatabase(url.href)
    onTestFinished(() => db.destroy())
    return db
  }
  const schemaOf = async (db: ReturnType<typeof connect>) =>
    (await sql<{ schema: string }>`select current_schema() as schema`.execute(db)).rows[0]?.schema

  it.each([
    ['?schema=My App', { schema: 'My App' }, '"My App"'],
    ['a search path among the options', { options: '-c search_path=app,public' }, 'app,public'],
  ])('%s is refused rather than lost', async (_, search, path) => {
    await expect(schemaOf(connect(search))).rejects.toMatchObject({
      code: 'EWRONGSCHEMA',
      message: expect.stringContaining(`expected search_path ${path}, ${IGNORED}`),
    })
  })

  it('the default schema may be asked for', async () => {
    expect(await schemaOf(connect({ schema: 'public' }))).toBe('public')
    expect(await schemaOf(connect({ options: '-c search_path=public,other' }))).toBe('public')
    expect(await schemaOf(connect({}))).toBe('public')
  })

  it('a queue on Postgres is refused rather than looked for elsewhere', async () => {
    const url = pooler.through(database.url)
    const queue = openQueue({ url, prefix: '{auto-enroll}', timeoutMs: 5000, onError: () => undefined })
    onTestFinished(() => queue.close())
    await migrateQueue(database.url, '{auto-enroll}')
    await expect(queue.add(event('ada'))).rejects.toMatchObject({ code: 'EWRONGSCHEMA' })
  })

  it('what the message advises works', async () => {
    const [name] = await database.sql<{ quoted: string }>('select quote_ident(current_database()) as quoted')
    await database.sql(`alter role postgres in database ${name?.quoted} set search_path = "My App"`)
    await pooler.command('RECONNECT')
    expect(await schemaOf(connect({ schema: 'My App' }))).toBe('My App')
  })
})

describe('a queue on Postgres', () => {
  const database = useDatabase()

  it('is in its own schema whatever startup options its URL has', async () => {
    const url = new URL(database.url)
    url.searchParams.set('options', '-c statement_timeout=5s')
    const queue = openQueue({
      url: url.href,
      prefix: '{auto-enroll}',
      timeoutMs: 5000,
      onError: () => undefined,
    })
    onTestFinished(() => queue.close())
    expect(await queue.add(event('ada'))).toBe('queued')
  })
})
