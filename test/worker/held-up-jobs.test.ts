import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readBlockers } from '../../db/blockers.js'
import { readDepth } from '../../queue/depth.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import type { RunningWorker } from '../../worker/run.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { useBlockers } from '../support/blocking.js'
import { event } from '../support/event.js'
import { linesTo } from '../support/log-lines.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

describe.each(BACKENDS)('jobs of users who are locked, with the queue on %s', (backend) => {
  const database = useDatabase()
  const { hold } = useBlockers(database)
  const lines: Record<string, unknown>[] = []
  let queue: EventQueue
  let worker: RunningWorker

  beforeEach(async () => {
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    lines.length = 0
    const place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    await queue.resume()
    await queue.bull().obliterate({ force: true })
    worker = await startTestWorker({
      databaseUrl: database.url,
      queue: place,
      env: { WORKER_CONCURRENCY: '20', STALL_TIMEOUT_MS: '1500' },
      log: pino(linesTo(lines)),
    })
  })
  afterEach(async () => {
    await worker.close()
    await queue.close()
  })

  const enrollments = (count: number) =>
    expect.poll(() => countEnrollments(database), { timeout: 5000 }).toBe(count)
  const messages = () => lines.map(({ msg }) => msg)

  it('wait at no cost of an attempt, say why, and take no slot from others', async () => {
    await insertCourses(database, 2)
    // More than there are slots.
    const [locked, others] = [await insertUsers(database, 40), await insertUsers(database, 100)]
    const release = await hold('select from "User" where id = any($1) for update', [locked])
    await queue.addMany(locked.map((userId) => event(userId)))
    await expect.poll(async () => (await readDepth(queue)).active, { timeout: 5000 }).toBe(40)
    await queue.addMany(others.map((userId) => event(userId)))
    await enrollments(200)
    await expect
      .poll(() => readDepth(queue))
      .toMatchObject({
        active: 40,
        troubles: [{ cause: { code: '55P03' } }],
      })
    await expect
      .poll(() => readBlockers(database.db), { timeout: 3000 })
      .toMatchObject([{ applicationName: 'another session', state: 'idle in transaction' }])
    await expect.poll(messages).toContain('locks of other sessions hold users up; all others are enrolled')
    await expect
      .poll(async () => (await fetch(`${worker.url}/metrics`)).text())
      .toContain('auto_enroll_held_users 40')
    await release()
    await enrollments(280)
    await expect.poll(() => queue.countUnfinished()).toBe(0)
    const jobs = await queue.bull().getJobs(['completed'])
    expect(new Set(jobs.map((job) => job.attemptsMade))).toEqual(new Set([1]))
    expect(new Set(jobs.map((job) => job.returnvalue?.outcome))).toEqual(new Set(['enrolled']))
    await expect.poll(messages).toContain('no user is held up any more')
    expect(messages()).not.toContain('failed, will be retried')
  })

  it('are no reason to restart the worker', async () => {
    await insertCourses(database, 1)
    const locked = await insertUsers(database, 3)
    await hold('select from "User" where id = any($1) for update', [locked])
    await queue.addMany(locked.map((userId) => event(userId)))
    const startedAt = performance.now()
    while (performance.now() - startedAt < 4000) {
      expect((await fetch(`${worker.url}/healthz`)).status).toBe(200)
    }
    expect(messages()).not.toContain('this worker does not consume; /healthz asks for a restart')
  })

  it('go back to the queue as they were when the worker stops', async () => {
    await insertCourses(database, 1)
    const locked = await insertUsers(database, 3)
    await hold('select from "User" where id = any($1) for update', [locked])
    await queue.addMany(locked.map((userId) => event(userId)))
    await expect
      .poll(async () => (await fetch(`${worker.url}/metrics`)).text())
      .toContain('auto_enroll_held_users 3')
    expect(await worker.close()).toEqual({ abandoned: 0 })
    const jobs = await queue.bull().getJobs(['waiting'])
    expect(jobs.map((job) => job.attemptsMade)).toEqual([0, 0, 0])
  })
})

describe('more users who are locked than may wait in a worker', () => {
  const database = useDatabase()
  const { hold } = useBlockers(database)

  it('are put off at no cost of an attempt, and others are enrolled meanwhile', async () => {
    await insertCourses(database, 1)
    const [locked, others] = [await insertUsers(database, 700), await insertUsers(database, 50)]
    const release = await hold('select from "User" where id = any($1) for update', [locked])
    const place = queuePlace('redis', database)
    const queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place })
    await queue.addMany(locked.map((userId) => event(userId)))
    await expect.poll(async () => (await readDepth(queue)).delayed, { timeout: 20_000 }).toBeGreaterThan(100)
    await queue.addMany(others.map((userId) => event(userId)))
    await expect.poll(() => countEnrollments(database), { timeout: 5000 }).toBe(50)
    await release()
    await expect.poll(() => countEnrollments(database), { timeout: 20_000 }).toBe(750)
    await expect.poll(() => queue.countUnfinished()).toBe(0)
    const jobs = await queue.bull().getJobs(['completed'])
    expect(new Set(jobs.map((job) => job.attemptsMade))).toEqual(new Set([1]))
    await worker.close()
    await queue.close()
  })
})
