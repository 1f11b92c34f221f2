import { describe, expect, it } from 'vitest'
import { signInWithGoogle } from '../../producers/google.js'
import { signUp } from '../../producers/sign-up.js'
import { markEmailVerified } from '../../producers/verify-email.js'
import { applicationDdl, VIEWS_DDL } from '../support/application-schema.js'
import { type TestDatabase, useDatabase } from '../support/servers.js'
import { statementsWaiting } from '../support/waiting.js'

const publisher = { publish: async () => ({ status: 'queued' as const }) }
const PASSWORD = 'correct horse battery'
const hashPassword = async (password: string) => `hash of ${password}`
let people = 0

/** The person who owns the mailbox, and anyone who knows its address. */
function person(database: TestDatabase) {
  const email = `ada${++people}@example.com`
  const column = (name: string) =>
    database.sql<{ value: unknown }>(`select "${name}" as value from "User" where email = $1`, [email])
  return {
    email,
    signUp: (password = PASSWORD) =>
      signUp({ db: database.db, publisher, hashPassword }, { name: 'Somebody', email, password }),
    async google() {
      const profile = { email, email_verified: true, name: 'Ada' }
      const result = await signInWithGoogle({ db: database.db, publisher }, { profile })
      if (result.status !== 'signed-in') throw new Error(`refused: ${result.reason}`)
      return result
    },
    canUse: async (password: string) =>
      (await column('passwordHash'))[0]?.value === (await hashPassword(password)),
    set: (name: string, value: unknown) =>
      database.sql(`update "User" set "${name}" = $2 where email = $1`, [email, value]),
    value: async (name: string) => (await column(name))[0]?.value,
  }
}

const OWN_SCHEMA = `create schema auto_enroll; create table auto_enroll.email_proof (
  user_id text primary key, email_sha256 bytea not null, proven_at timestamptz not null default now())`
const SCHEMAS: Record<string, string | undefined> = {
  'where npm run migrate made the tables': undefined,
  'with a time emailVerified, as Auth.js has it': `${applicationDdl({})}; alter table "User" add "emailVerified" timestamp(3)`,
  'with a boolean emailVerified, as Better Auth has it': `${applicationDdl({ userId: 'uuid' })};
    alter table "User" add "emailVerified" boolean not null`,
  'with a time emailVerifiedAt with its zone': `${applicationDdl({ timestamp: 'timestamptz' })};
    alter table "User" add "emailVerifiedAt" timestamptz`,
  'with a password that may not be null': `${applicationDdl({ userId: 'bigserial' })}; ${OWN_SCHEMA};
    alter table "User" alter "passwordHash" set default '', alter "passwordHash" set not null`,
  'behind views': `${VIEWS_DDL}; ${OWN_SCHEMA}`,
  'with a proof of another type than a time or a boolean': `${applicationDdl({})}; ${OWN_SCHEMA};
    alter table "User" add "emailVerified" text`,
}

describe.each(Object.entries(SCHEMAS))('a stranger’s password, %s', (_where, ddl) => {
  const database = useDatabase(ddl === undefined ? {} : { ddl })

  it('stops working when the owner of the mailbox signs in with Google, and never comes back', async () => {
    const ada = person(database)
    const created = await ada.signUp()
    await ada.set('lastLoginAt', new Date())
    expect(await ada.canUse(PASSWORD)).toBe(true)

    const first = await ada.google()
    expect(first).toMatchObject({ isNew: false, passwordRemoved: true })
    expect(created).toMatchObject({ userId: first.userId })
    expect(await ada.canUse(PASSWORD)).toBe(false)
    expect([null, '!']).toContain(await ada.value('passwordHash'))
    expect(await ada.google()).not.toHaveProperty('passwordRemoved')
    expect(await ada.signUp()).toMatchObject({ status: 'email-taken' })
    expect(await ada.canUse(PASSWORD)).toBe(false)
  })

  it('is not confused with one that the owner set after signing in with Google, which stays', async () => {
    const ada = person(database)
    expect(await ada.google()).toMatchObject({ isNew: true })
    await ada.set('passwordHash', await hashPassword(PASSWORD))
    expect(await ada.google()).not.toHaveProperty('passwordRemoved')
    expect(await ada.google()).not.toHaveProperty('passwordRemoved')
    expect(await ada.canUse(PASSWORD)).toBe(true)
  })

  it('is not confused with one whose owner followed the link to verify the email', async () => {
    const ada = person(database)
    const created = await ada.signUp()
    const userId = created.status === 'created' ? created.userId : ''
    expect(await markEmailVerified(database.db, { userId, email: 'somebody@else.com' })).toBe(false)
    expect(await markEmailVerified(database.db, { userId, email: ada.email.toUpperCase() })).toBe(true)
    expect(await markEmailVerified(database.db, { userId, email: ada.email })).toBe(true)
    expect(await ada.google()).not.toHaveProperty('passwordRemoved')
    expect(await ada.canUse(PASSWORD)).toBe(true)
  })

  it('is removed once by two first sign-ins at once', async () => {
    const ada = person(database)
    await ada.signUp()
    const results = await Promise.all([ada.google(), ada.google(), ada.google(), ada.google()])
    expect(results.filter(({ passwordRemoved }) => passwordRemoved)).toHaveLength(1)
    expect(await ada.canUse(PASSWORD)).toBe(false)
  })

  it('works for nobody when sign-up and Google come at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const ada = person(database)
      await Promise.all([ada.signUp(), ada.google(), ada.google()])
      await ada.google()
      expect(await ada.canUse(PASSWORD)).toBe(false)
    }
  })
})

describe('what proves an email', () => {
  const database = useDatabase()

  it('proves no other: an account that got somebody’s email later is not theirs', async () => {
    const mallory = person(database)
    await mallory.signUp()
    await mallory.google()
    const ada = person(database)
    await mallory.set('passwordHash', 'a password')
    await mallory.set('email', ada.email)
    expect(await ada.google()).toMatchObject({ isNew: false, passwordRemoved: true })
  })

  it('waits for a password that is being set, and removes it', async () => {
    const ada = person(database)
    await database.sql(`insert into "User" (id, email, name) values ('slow', $1, 'Ada')`, [ada.email])
    await database.sql('begin')
    await ada.set('passwordHash', 'a password')
    const signingIn = ada.google()
    await statementsWaiting(database)
    await database.sql('commit')
    expect(await signingIn).toMatchObject({ userId: 'slow', passwordRemoved: true })
    expect(await ada.value('passwordHash')).toBeNull()
  })

  it('is not lost with a user who is deleted while signing in', async () => {
    const ada = person(database)
    await ada.signUp()
    await database.sql('begin')
    await database.sql('delete from "User" where email = $1', [ada.email])
    const signingIn = ada.google()
    await statementsWaiting(database)
    await database.sql('commit')
    expect(await signingIn).toMatchObject({ isNew: true })
  })
})

describe('where nothing can be noted', () => {
  const database = useDatabase({ ddl: applicationDdl({}) })

  it('no password survives Google, and nobody is kept from signing in', async () => {
    const ada = person(database)
    const created = await ada.signUp()
    const userId = created.status === 'created' ? created.userId : ''
    expect(await markEmailVerified(database.db, { userId, email: ada.email })).toBe(false)
    expect(await ada.google()).toMatchObject({ passwordRemoved: true })
    expect(await ada.google()).not.toHaveProperty('passwordRemoved')
    await ada.set('passwordHash', 'another')
    expect(await ada.google()).toMatchObject({ passwordRemoved: true })
  })
})

describe('where there is no column for a password', () => {
  const database = useDatabase({ ddl: `${applicationDdl({})}; alter table "User" drop "passwordHash"` })

  it('Google signs in as before', async () => {
    const ada = person(database)
    expect(await ada.google()).toMatchObject({ isNew: true })
    expect(await ada.google()).toMatchObject({ isNew: false })
  })
})
