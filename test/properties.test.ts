import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signInWithGoogle } from '../producers/google.js'
import { createPublisher, type Publisher } from '../producers/publisher.js'
import { signUp } from '../producers/sign-up.js'
import { type EventQueue, openQueue } from '../queue/open.js'
import { JOB_NAME } from '../queue/user-created.js'
import { createEnroller, type Enroll } from '../worker/enroll.js'
import { TransientError } from '../worker/errors.js'
import { queueMissingUsers } from '../worker/reconcile.js'
import { insertCourses, insertUsers } from './support/application.js'
import { event } from './support/event.js'
import { BACKENDS, queuePlace, useDatabase } from './support/servers.js'
import { startConsumer, type TestConsumer } from './support/worker.js'

const PEOPLE = 4
const person = fc.nat(PEOPLE - 1)

/** What may happen. Everything in one inner list happens at once. */
const story = fc.array(
  fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('signs up' as const), person }),
      fc.record({ kind: fc.constant('signs in with Google' as const), person }),
      fc.record({ kind: fc.constant('is delivered again' as const), person }),
      fc.record({ kind: fc.constant('fails at the next attempt' as const), person }),
      fc.record({ kind: fc.constant('is backfilled with everybody' as const), person }),
    ),
    { minLength: 1, maxLength: 6 },
  ),
  { minLength: 1, maxLength: 5 },
)
type Happening = ReturnType<typeof story.generate>['value'][number][number]

describe.each(BACKENDS)('whatever happens in any order, with the queue on %s', (backend) => {
  const database = useDatabase()
  const failing = new Set<string>()
  let queue: EventQueue
  let publisher: Publisher
  let worker: TestConsumer
  let enroll: Enroll

  beforeAll(async () => {
    const place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    publisher = createPublisher({ queueUrl: place.url, prefix: place.prefix, timeoutMs: 10_000 })
    enroll = createEnroller({ db: database.db, status: 'active' })
    worker = startConsumer(place, async (userId) => {
      if (failing.delete(userId)) throw new TransientError('not now')
      return enroll(userId)
    })
  })
  afterAll(async () => {
    await worker.consumer.close()
    await worker.stop()
    await publisher.close()
    await queue.close()
  })

  async function happen({ kind, person }: Happening): Promise<unknown> {
    const { db } = database
    const email = `person-${person}@example.com`
    switch (kind) {
      case 'signs up': {
        const input = { name: 'Somebody', email, password: 'correct horse' }
        return signUp({ db, publisher, hashPassword: async () => 'hash' }, input)
      }
      case 'signs in with Google':
        return signInWithGoogle({ db, publisher }, { profile: { email, email_verified: true } })
      case 'is delivered again': {
        const [userId] = await idsOf(email)
        if (userId === undefined) return
        return queue
          .bull()
          .add(JOB_NAME, event(userId), { attempts: 3, backoff: { type: 'fixed', delay: 10 } })
      }
      case 'fails at the next attempt':
        for (const userId of await idsOf(email)) failing.add(userId)
        return
      case 'is backfilled with everybody':
        return queueMissingUsers({ db, queue, source: 'backfill', maxPending: 1000 })
    }
  }

  async function idsOf(email: string): Promise<string[]> {
    const rows = await database.db.selectFrom('User').select('id').where('email', '=', email).execute()
    return rows.map(({ id }) => String(id))
  }

  /** Every pair of a user and a course, and how often it is enrolled. */
  const pairs = () =>
    database.sql<{ isPublished: boolean; enrollments: number }>(`
      select c."isPublished", count(e.id)::int as enrollments
      from "User" u cross join "Course" c
      left join "Enrollment" e on e."userId" = u.id and e."courseId" = c.id
      group by u.id, c.id, c."isPublished"
    `)

  it('each user ends up in each published course exactly once, and in no draft', async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.integer({ min: 0, max: 3 }), async (chapters, lost) => {
        await database.sql('truncate "User", "Course" cascade')
        await insertCourses(database, 2)
        await insertCourses(database, 1, false)
        await insertUsers(database, lost)

        for (const chapter of chapters) await Promise.all(chapter.map(happen))
        await happen({ kind: 'is backfilled with everybody', person: 0 })
        await expect.poll(() => queue.countUnfinished(), { timeout: 20_000 }).toBe(0)

        for (const { isPublished, enrollments } of await pairs())
          expect(enrollments).toBe(isPublished ? 1 : 0)
        const failed = await queue.bull().getFailedCount()
        expect(failed).toBe(0)
      }),
      { numRuns: 6, endOnFailure: true },
    )
  })
})
