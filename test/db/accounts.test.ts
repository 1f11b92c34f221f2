import { beforeEach, describe, expect, it } from 'vitest'
import { insertUser } from '../../db/accounts.js'
import { columnsOf } from '../../db/columns.js'
import { applicationDdl } from '../support/application-schema.js'
import { useDatabase } from '../support/servers.js'
import { statementsWaiting } from '../support/waiting.js'

describe('inserting a user', () => {
  const database = useDatabase({ timeZone: 'Asia/Kolkata' })
  beforeEach(() => database.sql('truncate "User" cascade'))

  it('gives one of two at once the email, once the other is committed', async () => {
    await database.sql('begin')
    await database.sql(`insert into "User" (id, email, name) values ('u1', 'ada@example.com', 'Ada')`)
    const inserting = insert('ada@example.com')
    await statementsWaiting(database)
    await database.sql('commit')
    expect(await inserting).toBeUndefined()
  })

  it('gives the email to the second when the first is taken back', async () => {
    await database.sql('begin')
    await database.sql(`insert into "User" (id, email, name) values ('u1', 'ada@example.com', 'Ada')`)
    const inserting = insert('ada@example.com')
    await statementsWaiting(database)
    await database.sql('rollback')
    expect(await inserting).toMatch(/^c[0-9a-f]{32}$/)
  })

  it('makes one user of twenty at once', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => insert('ada@example.com')))
    expect(ids.filter((id) => id !== undefined)).toHaveLength(1)
    expect(await database.sql('select from "User"')).toHaveLength(1)
  })

  it('keeps exactly what it is given', async () => {
    const columns = await columnsOf(database.db)
    const name = `Robert'); drop table "User"; --`
    const id = await insertUser(database.db, columns, {
      email: 'a@b.c',
      name,
      image: 'https://x.test/?a=1&b=$1',
    })
    expect(await database.sql('select id, email, name, "passwordHash", image from "User"')).toEqual([
      { id, email: 'a@b.c', name, passwordHash: null, image: 'https://x.test/?a=1&b=$1' },
    ])
  })

  it('counts as a sign-in only without a password', async () => {
    const columns = await columnsOf(database.db)
    await insertUser(database.db, columns, { email: 'form@example.com', name: 'F', passwordHash: 'hash' })
    await insertUser(database.db, columns, { email: 'google@example.com', name: 'G' })
    expect(
      await database.sql(
        'select email, "passwordHash", "lastLoginAt" is null as never from "User" order by email',
      ),
    ).toEqual([
      { email: 'form@example.com', passwordHash: 'hash', never: true },
      { email: 'google@example.com', passwordHash: null, never: false },
    ])
  })

  async function insert(email: string): Promise<string | undefined> {
    return insertUser(database.db, await columnsOf(database.db), { email, name: 'Somebody' })
  }
})

describe('inserting a user where there is no column for the password', () => {
  const ddl = `${applicationDdl({})}; alter table "User" drop column "passwordHash", drop column image`
  const database = useDatabase({ ddl })

  it('fails when there is one to keep, rather than lose it', async () => {
    const columns = await columnsOf(database.db)
    const user = { email: 'ada@example.com', name: 'Ada', image: 'https://x.test/p' }
    await expect(insertUser(database.db, columns, { ...user, passwordHash: 'hash' })).rejects.toThrow(
      'table "User" has no column "passwordHash"',
    )
    expect(await insertUser(database.db, columns, user)).toBeTypeOf('string')
  })
})
