import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import type { UserCreated } from '../../queue/user-created.js'
import type { RunningWorker } from '../../worker/run.js'
import { countEnrollments, enrollmentsOf, insertCourses, insertUsers } from '../support/application.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

describe.each(BACKENDS)('the worker, with its queue on %s', (backend) => {
  const database = useDatabase()
  let queue: EventQueue
  let worker: RunningWorker

  beforeAll(async () => {
    const place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    worker = await startTestWorker({ databaseUrl: database.url, queue: place })
  })
  afterAll(async () => {
    await worker.close()
    await queue.close()
  })
  beforeEach(() => database.sql('truncate "User", "Course", "Enrollment" cascade'))

  async function outcomeFor(userId: string): Promise<unknown> {
    await queue.add(event(userId))
    return expect
      .poll(async () => {
        const jobs = await queue.bull().getJobs(['completed', 'failed'])
        return jobs.find((job) => job.data.userId === userId)?.returnvalue
      })
      .toBeTruthy()
      .then(async () => {
        const jobs = await queue.bull().getJobs(['completed'])
        return jobs.find((job) => job.data.userId === userId)?.returnvalue
      })
  }

  it('enrolls a user in every published course and in no draft', async () => {
    const [published, [draft]] = [await insertCourses(database, 2), await insertCourses(database, 1, false)]
    const [userId = ''] = await insertUsers(database, 1)

    expect(await outcomeFor(userId)).toEqual({ outcome: 'enrolled', enrolled: 2 })
    const enrollments = await enrollmentsOf(database, userId)
    expect(Object.keys(enrollments).sort()).toEqual(published.sort())
    expect(Object.values(enrollments)).toEqual(['active', 'active'])
    expect(enrollments).not.toHaveProperty(draft ?? '')
  })

  it('leaves what exists alone and says so', async () => {
    const [courseId] = await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status) values ('by-hand', $1, $2, 'left')`,
      [userId, courseId],
    )

    expect(await outcomeFor(userId)).toEqual({ outcome: 'already-enrolled', enrolled: 0 })
    expect(await enrollmentsOf(database, userId)).toEqual({ [courseId ?? '']: 'left' })
  })

  it('reports that no course is published', async () => {
    const [userId = ''] = await insertUsers(database, 1)
    expect(await outcomeFor(userId)).toEqual({ outcome: 'no-published-courses', enrolled: 0 })
  })

  it('enrolls many users, each once', async () => {
    await insertCourses(database, 3)
    const userIds = await insertUsers(database, 500)
    await queue.addMany(userIds.map(event))
    await queue.addMany(userIds.map(event))
    await expect.poll(() => countEnrollments(database), { timeout: 15_000 }).toBe(1500)
    await expect.poll(() => queue.countUnfinished(), { timeout: 15_000 }).toBe(0)
  })
})

function event(userId: string): UserCreated {
  return { v: 1, userId, source: 'credentials', occurredAt: new Date().toISOString() }
}
