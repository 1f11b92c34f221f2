import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { verifyPassword } from '../../producers/password.js'
import type { PublishEvent } from '../../producers/publisher.js'
import { type SignUpInput, signUp } from '../../producers/sign-up.js'
import { useDatabase } from '../support/servers.js'

const ADA = { name: 'Ada Lovelace', email: 'ada@example.com', password: 'correct horse battery' }

describe('signing up with a password', () => {
  const database = useDatabase()
  const published: PublishEvent[] = []
  const publisher = {
    async publish(event: PublishEvent) {
      const committed = await database.sql('select from "User" where id = $1', [event.userId])
      expect(committed).toHaveLength(1)
      published.push(event)
      return { status: 'queued' as const }
    },
  }
  const cheap = async (password: string) => `cheap:${password}`

  beforeEach(async () => {
    await database.sql('truncate "User" cascade')
    published.length = 0
  })
  afterAll(() => database.sql('truncate "User" cascade'))

  const users = () =>
    database.sql<{ id: string; email: string; name: string; passwordHash: string; lastLoginAt: Date | null }>(
      'select id, email, name, "passwordHash", "lastLoginAt" from "User" order by email',
    )
  const submit = (input: unknown) =>
    signUp({ db: database.db, publisher, hashPassword: cheap }, input as SignUpInput)

  it('is refused before any hashing where the application allows no more attempts', async () => {
    const asked: string[] = []
    const hashed: string[] = []
    const attempt = (allow: () => boolean) =>
      signUp(
        {
          db: database.db,
          publisher,
          hashPassword: async (password) => {
            hashed.push(password)
            return 'hash'
          },
          allow({ email }) {
            asked.push(email)
            return allow()
          },
        },
        ADA,
      )
    expect(await attempt(() => false)).toMatchObject({ status: 'rate-limited' })
    expect(hashed).toEqual([])
    expect(asked).toEqual([ADA.email.trim().toLowerCase()])
    const outOfOrder = () => {
      throw new Error('the limiter is away')
    }
    expect((await attempt(outOfOrder)).status).toBe('created')
  })

  it('commits the user, then publishes', async () => {
    const result = await signUp({ db: database.db, publisher }, ADA)
    const [user] = await users()
    expect(result).toEqual({ status: 'created', userId: user?.id, publish: { status: 'queued' } })
    expect(user).toMatchObject({ email: 'ada@example.com', name: 'Ada Lovelace', lastLoginAt: null })
    expect(await verifyPassword(ADA.password, user?.passwordHash ?? '')).toBe(true)
    expect(published).toEqual([{ userId: user?.id, source: 'credentials' }])
  })

  it('hands the committed user to what sends the verification, and never waits for it', async () => {
    const handed: unknown[] = []
    const attempt = (email: string, send: () => void | Promise<void>) =>
      signUp(
        {
          db: database.db,
          publisher,
          hashPassword: cheap,
          async sendVerification(user) {
            handed.push(user)
            await send()
          },
        },
        { ...ADA, email },
      )
    const hanging = await attempt('hanging@example.com', () => new Promise(() => undefined))
    const failing = await attempt('failing@example.com', () => Promise.reject(new Error('no mail server')))
    expect(await attempt('Failing@example.com', () => undefined)).toMatchObject({ status: 'email-taken' })
    expect([hanging, failing]).toMatchObject([{ status: 'created' }, { status: 'created' }])
    expect(handed).toEqual([
      { userId: hanging.status === 'created' && hanging.userId, email: 'hanging@example.com' },
      { userId: failing.status === 'created' && failing.userId, email: 'failing@example.com' },
    ])
  })

  it('stores the email trimmed and in lower case, so that one person is one user', async () => {
    expect(await submit({ ...ADA, email: '  Ada@EXAMPLE.com ' })).toMatchObject({ status: 'created' })
    expect(await submit({ ...ADA, email: 'ADA@example.com' })).toMatchObject({ status: 'email-taken' })
    expect((await users()).map((user) => user.email)).toEqual(['ada@example.com'])
  })

  it('knows an email that another application stored in capitals', async () => {
    await database.sql(`insert into "User" (id, email, name) values ('u1', 'Ada@Example.com', 'Ada')`)
    expect(await submit({ ...ADA, email: 'Ada@Example.com' })).toMatchObject({ status: 'email-taken' })
  })

  it('returns a message for the form when the email is in use, and publishes nothing', async () => {
    await submit(ADA)
    expect(await submit({ ...ADA, name: 'Somebody else' })).toEqual({
      status: 'email-taken',
      errors: { email: 'This email address is already in use' },
    })
    expect((await users()).map((user) => user.name)).toEqual(['Ada Lovelace'])
    expect(published).toHaveLength(1)
  })

  it('makes one user of two who come at once with one email', async () => {
    const results = await Promise.all(Array.from({ length: 10 }, () => submit(ADA)))
    expect(results.map((result) => result.status).sort()).toEqual([
      'created',
      ...Array.from({ length: 9 }, () => 'email-taken'),
    ])
    expect(await users()).toHaveLength(1)
    expect(published).toHaveLength(1)
  })

  it('takes as long for an email in use as for a new one', async () => {
    const context = { db: database.db, publisher }
    await signUp(context, ADA)
    const [taken, fresh]: [number[], number[]] = [[], []]
    for (let round = 0; round < 3; round += 1) {
      taken.push(await msOf(() => signUp(context, ADA)))
      fresh.push(await msOf(() => signUp(context, { ...ADA, email: `ada${round}@example.com` })))
    }
    expect(median(taken)).toBeGreaterThan(median(fresh) / 2)
    expect(median(taken)).toBeLessThan(median(fresh) * 2)
  })

  it('names every field that is wrong, and commits nothing', async () => {
    expect(await submit({ name: ' ', email: 'ada', password: 'short' })).toEqual({
      status: 'invalid',
      errors: {
        name: 'Enter a name',
        email: 'Enter an email address such as name@example.com',
        password: 'Enter a password of at least 8 characters',
      },
    })
    expect(await users()).toEqual([])
  })

  it.each([
    ['no name', { name: undefined }, 'name', 'Enter a name'],
    ['a long name', { name: 'x'.repeat(201) }, 'name', 'Enter a name of at most 200 characters'],
    ['a NUL in the name', { name: 'a\0b' }, 'name', 'Enter a name without control characters'],
    ['no email', { email: null }, 'email', 'Enter an email address'],
    ['a long email', { email: `${'x'.repeat(250)}@example.com` }, 'email', 'at most 254 characters'],
    ['two emails', { email: 'a@example.com,b@example.com' }, 'email', 'such as name@example.com'],
    ['a NUL in the email', { email: 'a\0@example.com' }, 'email', 'such as name@example.com'],
    ['a header in the email', { email: 'a@example.com\nBcc: b@example.com' }, 'email', 'such as name@'],
    ['a number for a password', { password: 12345678 }, 'password', 'Enter a password'],
    ['a password that takes long to hash', { password: 'x'.repeat(201) }, 'password', 'at most 200'],
  ])('refuses %s', async (_, change, field, message) => {
    const result = await submit({ ...ADA, ...change })
    expect(result).toEqual({ status: 'invalid', errors: { [field]: expect.stringContaining(message) } })
  })

  it.each([undefined, null, 'ada', 42])('refuses %s for a form', async (input) => {
    expect(await submit(input)).toMatchObject({ status: 'invalid' })
  })
})

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}
