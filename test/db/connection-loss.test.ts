import { sql } from 'kysely'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import type { Database } from '../../db/schema.js'
import { linkQueue } from '../../queue/connect.js'
import { type Gate, makeGate } from '../support/gate.js'
import { useDatabase } from '../support/servers.js'

describe('a database connection that breaks', () => {
  const database = useDatabase()
  let gate: Gate
  let db: Database

  beforeAll(async () => {
    gate = await makeGate(database.url)
    await gate.open()
    db = connectDatabase(gate.url)
  })
  afterAll(async () => {
    await db.destroy()
    await gate.shut()
  })

  it('in the middle of a statement fails that statement and nothing else', async () => {
    const sleeping = sql`select pg_sleep(30)`.execute(db)
    await expect
      .poll(() => database.sql(`select from pg_stat_activity where query = 'select pg_sleep(30)'`))
      .toHaveLength(1)
    await gate.shut()
    await expect(sleeping).rejects.toThrow('Connection terminated unexpectedly')
    await gate.open()
    expect((await sql`select 1`.execute(db)).rows).toHaveLength(1)
    await database.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(30)'`,
    )
  })
})

describe('sessions that began while the database was read-only', () => {
  const database = useDatabase()

  async function setReadOnly(state: 'on' | 'off'): Promise<void> {
    const [row] = await database.sql<{ name: string }>('select quote_ident(current_database()) as name')
    await database.sql(`alter database ${row?.name} set default_transaction_read_only = ${state}`)
  }

  it.each([
    ['the application’s database', connect],
    ['a queue on Postgres', connectQueue],
  ])('are all replaced once one of them cannot write to %s', async (_, open) => {
    const { run, close } = open(database.url)
    onTestFinished(close)
    await setReadOnly('on')
    await Promise.all(Array.from({ length: 10 }, () => run('select pg_sleep(0.2)')))
    await setReadOnly('off')

    const write = () => run('create table if not exists public.written (); select pg_sleep(0.1)')
    await expect(write()).rejects.toMatchObject({ code: '25006' })
    await write()
    await Promise.all(Array.from({ length: 10 }, write))
  })
})

function connect(url: string) {
  const db = connectDatabase(url)
  return { run: (statement: string) => sql.raw(statement).execute(db), close: () => db.destroy() }
}

function connectQueue(url: string) {
  const link = linkQueue({ url, prefix: '{x}', profile: { mode: 'consume' }, onError: () => undefined })
  const pool = link.client as pg.Pool
  return { run: (statement: string) => pool.query(statement), close: () => pool.end() }
}
