import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type GoogleProfile, signInWithGoogle } from '../../producers/google.js'
import { createPublisher, type PublishEvent, type Publisher } from '../../producers/publisher.js'
import type { RunningWorker } from '../../worker/run.js'
import { countEnrollments, insertCourses } from '../support/application.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const ADA: GoogleProfile = {
  email: 'Ada@Example.com',
  email_verified: true,
  name: 'Ada Lovelace',
  picture: 'https://example.com/ada.png',
}

describe('signing in with Google', () => {
  const database = useDatabase()
  const published: PublishEvent[] = []
  const publisher = {
    async publish(event: PublishEvent) {
      published.push(event)
      return { status: 'queued' as const }
    },
  }

  beforeEach(async () => {
    await database.sql('truncate "User", "Course" cascade')
    published.length = 0
  })

  const users = () =>
    database.sql<{ id: string; email: string; name: string; image: string | null; lastLoginAt: Date | null }>(
      'select id, email, name, image, "lastLoginAt" from "User" order by email',
    )
  const signIn = (profile: unknown) =>
    signInWithGoogle({ db: database.db, publisher }, { profile: profile as GoogleProfile })

  it('makes a user at the first sign-in, and publishes', async () => {
    const result = await signIn(ADA)
    const [user] = await users()
    expect(result).toEqual({
      status: 'signed-in',
      userId: user?.id,
      isNew: true,
      publish: { status: 'queued' },
    })
    expect(user).toMatchObject({
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      image: 'https://example.com/ada.png',
      lastLoginAt: expect.any(Date),
    })
    expect(published).toEqual([{ userId: user?.id, source: 'google' }])
  })

  it.each([
    ['false', { email_verified: false }, 'email-not-verified'],
    ['missing', { email_verified: undefined }, 'email-not-verified'],
    ['the text "true"', { email_verified: 'true' }, 'invalid-profile'],
    ['the number 1', { email_verified: 1 }, 'invalid-profile'],
    ['null', { email_verified: null }, 'email-not-verified'],
  ])('refuses an email whose verification is %s', async (_, change, reason) => {
    expect(await signIn({ ...ADA, ...change })).toEqual({ status: 'refused', reason })
    expect(await users()).toEqual([])
    expect(published).toEqual([])
  })

  it.each([
    undefined,
    null,
    {},
    { ...ADA, email: undefined },
    { ...ADA, email: 'ada' },
    { ...ADA, name: 42 },
  ])('refuses a profile that is none: %j', async (profile) => {
    expect(await signIn(profile)).toEqual({ status: 'refused', reason: 'invalid-profile' })
  })

  it.each([
    ['no name and no picture', { name: undefined, picture: undefined }, { name: '', image: null }],
    ['null for both', { name: null, picture: null }, { name: '', image: null }],
    [
      'a NUL in both',
      { name: 'A\0da', picture: 'https://example.com/\0' },
      { name: 'Ada', image: 'https://example.com/' },
    ],
  ])('takes a profile with %s', async (_, change, stored) => {
    expect(await signIn({ ...ADA, ...change })).toMatchObject({ status: 'signed-in' })
    expect(await users()).toMatchObject([stored])
  })

  it('keeps of a name that is too long the beginning, and no picture that is', async () => {
    await signIn({ ...ADA, name: '🧑‍🎓'.repeat(1000), picture: `https://example.com/${'x'.repeat(5000)}` })
    const [user] = await users()
    expect([...(user?.name ?? '')]).toHaveLength(200)
    expect(user?.image).toBeNull()
  })

  it('notes the return of a user who has enrollments, and publishes nothing', async () => {
    const [courseId] = await insertCourses(database, 1)
    const first = await signIn(ADA)
    const userId = first.status === 'signed-in' ? first.userId : ''
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status) values ('by-hand', $1, $2, 'left')`,
      [userId, courseId],
    )
    await database.sql(`update "User" set "lastLoginAt" = '2001-01-01'`)
    published.length = 0

    expect(await signIn({ ...ADA, name: 'Another name' })).toEqual({
      status: 'signed-in',
      userId,
      isNew: false,
    })
    expect(published).toEqual([])
    expect(await countEnrollments(database)).toBe(1)
    const [user] = await users()
    expect(user?.name).toBe('Ada Lovelace')
    expect(user?.lastLoginAt?.getFullYear()).toBeGreaterThan(2001)
  })

  it('publishes for a returning user who has no enrollment at all', async () => {
    await signIn(ADA)
    published.length = 0
    expect(await signIn(ADA)).toMatchObject({ isNew: false, publish: { status: 'queued' } })
    expect(published).toHaveLength(1)
  })

  it('finds the user whom a password sign-up, or another application, stored', async () => {
    await database.sql(`insert into "User" (id, email, name) values ('lower', 'ada@example.com', 'Ada')`)
    expect(await signIn(ADA)).toMatchObject({ userId: 'lower', isNew: false })
    await database.sql(`update "User" set id = 'mixed', email = 'Ada@Example.com'`)
    expect(await signIn(ADA)).toMatchObject({ userId: 'mixed', isNew: false })
  })
})

describe.each(BACKENDS)('signing in with Google while a worker runs, with its queue on %s', (backend) => {
  const database = useDatabase()
  let worker: RunningWorker
  let publisher: Publisher

  beforeAll(async () => {
    const queue = queuePlace(backend, database)
    worker = await startTestWorker({ databaseUrl: database.url, queue })
    publisher = createPublisher({ queueUrl: queue.url, prefix: queue.prefix, timeoutMs: 5000 })
  })
  afterAll(async () => {
    await publisher.close()
    await worker.close()
  })

  it('makes one user and one set of enrollments of two first sign-ins at once', async () => {
    await insertCourses(database, 3)
    const results = await Promise.all(
      Array.from({ length: 8 }, () => signInWithGoogle({ db: database.db, publisher }, { profile: ADA })),
    )
    expect(results.filter((result) => result.status === 'signed-in' && result.isNew)).toHaveLength(1)
    expect(new Set(results.map((result) => result.status === 'signed-in' && result.userId)).size).toBe(1)
    await expect.poll(() => countEnrollments(database)).toBe(3)

    const returning = await signInWithGoogle({ db: database.db, publisher }, { profile: ADA })
    expect(returning).not.toHaveProperty('publish')
    expect(await countEnrollments(database)).toBe(3)
  })
})
