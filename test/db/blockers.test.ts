import { sql } from 'kysely'
import pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { readBlockers } from '../../db/blockers.js'
import { connectDatabase } from '../../db/connect.js'
import { insertUsers } from '../support/application.js'
import { useDatabase } from '../support/servers.js'
import { statementsWaiting } from '../support/waiting.js'

describe('who blocks', () => {
  const database = useDatabase()
  const holders: pg.Client[] = []
  const waiting: Promise<unknown>[] = []

  afterEach(async () => {
    await Promise.all(holders.splice(0).map((holder) => holder.end()))
    await Promise.all(waiting.splice(0))
  })

  /** A session that takes a lock and keeps it. */
  async function hold(statement: string, applicationName: string): Promise<void> {
    const holder = new pg.Client({ connectionString: database.url, application_name: applicationName })
    await holder.connect()
    await holder.query('begin')
    await holder.query(statement)
    holders.push(holder)
  }

  /** Sessions of auto-enroll that wait for a user's row. */
  async function waitFor(userId: string, sessions: number): Promise<void> {
    const db = connectDatabase(database.url, { applicationName: 'auto-enroll worker' })
    const queries = Array.from({ length: sessions }, () =>
      sql`select from "User" where id = ${userId} for key share`.execute(db),
    )
    waiting.push(Promise.all(queries).then(() => db.destroy()))
    await statementsWaiting(database, sessions)
  }

  it('is nobody while nothing waits', async () => {
    const [userId] = await insertUsers(database, 1)
    await hold(`select from "User" where id = '${userId}' for update`, 'psql')
    expect(await readBlockers(database.db)).toEqual([])
  })

  it('is the session that holds the row, with how many of our sessions wait for it', async () => {
    const [userId = ''] = await insertUsers(database, 1)
    await hold(`select from "User" where id = '${userId}' for update`, 'psql')
    await waitFor(userId, 3)
    expect(await readBlockers(database.db)).toEqual([
      {
        pid: expect.any(Number),
        user: 'postgres',
        applicationName: 'psql',
        state: 'idle in transaction',
        since: expect.any(Date),
        relation: '"User"',
        blocked: 3,
      },
    ])
  })

  it('is the session at the end of the chain when the holder waits itself', async () => {
    const [userId = '', otherId = ''] = await insertUsers(database, 2)
    await hold(`select from "User" where id = '${otherId}' for update`, 'the cause')
    await hold(`select from "User" where id = '${userId}' for update`, 'between')
    const [, between] = holders
    waiting.push(
      between?.query(`select from "User" where id = '${otherId}' for update`).catch(() => undefined) ??
        Promise.resolve(),
    )
    await statementsWaiting(database)
    const db = connectDatabase(database.url, { applicationName: 'auto-enroll worker' })
    waiting.push(
      sql`select from "User" where id = ${userId} for key share`.execute(db).then(() => db.destroy()),
    )
    await statementsWaiting(database, 2)
    expect(await readBlockers(database.db)).toMatchObject([{ applicationName: 'the cause', blocked: 1 }])
  })

  it('is named also to a role that may not see what other roles do', async () => {
    await database.sql(`create role onlooker login password 'onlooker'`)
    const address = new URL(database.url)
    address.username = address.password = 'onlooker'
    const onlooker = connectDatabase(address.href)
    const [userId = ''] = await insertUsers(database, 1)
    await hold(`select from "User" where id = '${userId}' for update`, 'psql')
    await waitFor(userId, 1)
    expect(await readBlockers(onlooker)).toMatchObject([
      { user: 'postgres', applicationName: 'psql', state: null, since: null, blocked: 1 },
    ])
    await onlooker.destroy()
    await database.sql('drop role onlooker')
  })
})
