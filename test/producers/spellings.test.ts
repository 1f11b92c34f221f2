import { beforeEach, describe, expect, it } from 'vitest'
import { columnsOf } from '../../db/columns.js'
import { findUser } from '../../db/explain.js'
import { signInWithGoogle } from '../../producers/google.js'
import { signUp } from '../../producers/sign-up.js'
import { markEmailVerified } from '../../producers/verify-email.js'
import { applicationDdl } from '../support/application-schema.js'
import { useDatabase } from '../support/servers.js'

const publisher = { publish: async () => ({ status: 'queued' as const }) }

describe.each([
  ['text', 'select'],
  ['text with an index on lower(email)', 'create unique index on "User" (lower(email))'],
  ['varchar', 'alter table "User" alter email type varchar(320)'],
  ['citext', 'create extension citext; alter table "User" alter email type citext'],
] as const)('emails that differ in case only, stored as %s', (kind, change) => {
  const ddl = `${applicationDdl({})}; alter table "User" add "emailVerified" timestamp(3); ${change}`
  const database = useDatabase({ ddl, icuLocale: 'en-US' })
  beforeEach(() => database.sql('truncate "User" cascade'))

  const store = (id: string, email: string) =>
    database.sql(`insert into "User" (id, email, name) values ($1, $2, 'Ada')`, [id, email])
  const google = (email: string) =>
    signInWithGoogle({ db: database.db, publisher }, { profile: { email, email_verified: true } })
  const submit = (email: string) =>
    signUp(
      { db: database.db, publisher, hashPassword: async () => 'hash' },
      { name: 'Somebody', email, password: 'correct horse battery' },
    )
  const emails = async () =>
    (await database.sql<{ email: string }>('select email from "User" order by email')).map(
      ({ email }) => email,
    )

  it.each(['Name@Example.com', 'NAME@EXAMPLE.COM', 'nAME@example.com', 'name@example.com'])(
    'are one mailbox: nobody signs up as name@example.com while %s is there',
    async (stored) => {
      await store('earlier', stored)
      for (const typed of ['name@example.com', 'Name@example.com', ' NAME@EXAMPLE.com ']) {
        expect(await submit(typed)).toMatchObject({ status: 'email-taken' })
        expect(await google(typed)).toMatchObject({ userId: 'earlier', isNew: false })
      }
      expect(await emails()).toEqual([stored])
      expect(await findUser(database.db, await columnsOf(database.db), 'nAmE@eXaMpLe.com')).toMatchObject({
        id: 'earlier',
      })
    },
  )

  it('are one user, of many who come at once in many spellings', async () => {
    const spellings = ['name@example.com', 'Name@Example.com', 'NAME@example.com', 'namE@example.COM']
    const results = await Promise.all(spellings.flatMap((email) => [submit(email), google(email)]))
    expect(await emails()).toEqual(['name@example.com'])
    expect(
      results.filter((result) => result.status === 'signed-in').map(({ userId }) => userId),
    ).toHaveLength(4)
  })

  it('are not confused with emails of the same length, or with patterns', async () => {
    await store('other', 'nbme@example.com')
    await store('underscore', 'n_me@example.com')
    expect(await submit('name@example.com')).toMatchObject({ status: 'created' })
    expect(await submit('N_ME@example.com')).toMatchObject({ status: 'email-taken' })
  })

  if (kind !== 'citext' && !kind.includes('index')) {
    it('sign in the oldest of several users, and name the others', async () => {
      await store('b-stranger', 'name@example.com')
      await store('a-stranger', 'NAME@example.com')
      await store('earlier', 'Name@Example.com')
      await database.sql(`update "User" set "createdAt" = '2020-01-01' where id = 'earlier'`)
      expect(await google('name@example.com')).toMatchObject({
        userId: 'earlier',
        otherUserIds: expect.toSatisfy((ids: string[]) => ids.toSorted().join() === 'a-stranger,b-stranger'),
      })
      const again = await google('name@example.com')
      expect(again).toMatchObject({ userId: 'earlier' })
      expect(again).not.toHaveProperty('otherUserIds')
    })

    it('sign in the one spelled as given, of several who are proven', async () => {
      for (const [id, email] of [
        ['lower', 'name@example.com'],
        ['mixed', 'Name@Example.com'],
      ] as const) {
        await store(id, email)
        await markEmailVerified(database.db, { userId: id, email })
      }
      expect(await google('name@example.com')).toMatchObject({ userId: 'lower' })
      expect(await google('Name@Example.com')).toMatchObject({ userId: 'mixed' })
    })
  }
})

describe('an email that turns into another’s when it is lowered', () => {
  const database = useDatabase()

  it('is no email: the Kelvin sign is no k', async () => {
    await database.sql(`insert into "User" (id, email, name) values ('kim', 'kim@example.com', 'Kim')`)
    const email = '\u212Aim@example.com'
    expect(
      await signInWithGoogle({ db: database.db, publisher }, { profile: { email, email_verified: true } }),
    ).toEqual({ status: 'refused', reason: 'invalid-profile' })
    expect(
      await signUp({ db: database.db, publisher }, { name: 'Kim', email, password: 'correct horse' }),
    ).toMatchObject({ status: 'invalid' })
  })
})
