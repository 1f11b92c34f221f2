import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import type { Database } from '../../db/schema.js'
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
