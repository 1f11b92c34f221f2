import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import { withReconcileLock } from '../../db/lock.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { createRounds, type Reconciled, startReconciler } from '../../worker/reconcile.js'
import type { RunningWorker } from '../../worker/run.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { makeGate } from '../support/gate.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const never = new AbortController().signal

describe.each(BACKENDS)('reconciling, with the queue on %s', (backend) => {
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let queue: EventQueue
  const closing: (() => Promise<unknown>)[] = []
  const reconcile = () => createRounds({ db: database.db, queue, intervalMs: 0 })(never)

  beforeEach(async () => {
    await database.sql('truncate "User", "Course" cascade')
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    await queue.bull().obliterate({ force: true })
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
    await queue.close()
  })

  it('queues who has no enrollment at all, and nobody else, and no one twice', async () => {
    const [courseId] = await insertCourses(database, 1)
    const [enrolled, ...missing] = await insertUsers(database, 4)
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status) values ('by-hand', $1, $2, 'left')`,
      [enrolled, courseId],
    )
    expect(await reconcile()).toEqual({ status: 'done', users: 3, queued: 3, recurring: 0 })
    const jobs = await queue.bull().getJobs(['prioritized'])
    expect(jobs.map((job) => job.data.userId).sort()).toEqual(missing.sort())
    expect(new Set(jobs.map((job) => job.data.source))).toEqual(new Set(['reconcile']))
    expect(await reconcile()).toEqual({ status: 'done', users: 3, queued: 0, recurring: 0 })
  })

  it('enrolls users whose event was lost, each once, with two workers at it', async () => {
    const env = { RECONCILE_INTERVAL_MS: '200' }
    await insertCourses(database, 2)
    await insertUsers(database, 50)
    const workers: RunningWorker[] = []
    for (let n = 0; n < 2; n += 1) {
      const worker = await startTestWorker({ databaseUrl: database.url, queue: place, env })
      workers.push(worker)
      closing.push(() => worker.close())
    }
    await expect.poll(() => countEnrollments(database)).toBe(100)
    await insertUsers(database, 10)
    await expect.poll(() => countEnrollments(database)).toBe(120)
  })

  it('changes nothing while somebody else of the fleet reconciles', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 2)
    const other = connectDatabase(database.url)
    closing.push(() => other.destroy())
    await withReconcileLock(other, async () => {
      expect(await reconcile()).toEqual({ status: 'locked' })
      expect(await queue.countUnfinished()).toBe(0)
    })
    expect(await reconcile()).toMatchObject({ status: 'done', queued: 2 })
  })

  it('queues nobody while the queue is paused', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 2)
    await queue.pause()
    expect(await reconcile()).toEqual({ status: 'paused' })
    expect(await queue.countUnfinished()).toBe(0)
    await queue.resume()
    expect(await reconcile()).toMatchObject({ status: 'done', queued: 2 })
  })

  it('queues nobody while no course is published', async () => {
    await insertCourses(database, 2, false)
    await insertUsers(database, 2)
    expect(await reconcile()).toEqual({ status: 'no-published-courses' })
    expect(await queue.countUnfinished()).toBe(0)
  })

  it('tells an outage of the queue and of the database, and goes on when they are back', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 3)
    const [databaseGate, queueGate] = [await makeGate(database.url), await makeGate(place.url)]
    closing.push(databaseGate.shut, queueGate.shut)
    const db = connectDatabase(databaseGate.url)
    const onError = () => undefined
    const gated = openQueue({ url: queueGate.url, prefix: place.prefix, timeoutMs: 500, onError })
    closing.push(
      () => db.destroy(),
      () => gated.close(),
    )
    const rounds: Reconciled[] = []
    const errors: unknown[] = []
    const stop = startReconciler({
      db,
      queue: gated,
      intervalMs: 50,
      onRound: (round) => rounds.push(round),
      onError: (error) => errors.push(error),
    })
    closing.push(stop)

    await expect.poll(() => errors.length).toBeGreaterThan(1)
    await databaseGate.open()
    await expect.poll(() => errors.length).toBeGreaterThan(3)
    expect(rounds).toEqual([])
    await queueGate.open()
    await expect.poll(() => rounds).toContainEqual({ status: 'done', users: 3, queued: 3, recurring: 0 })
    const failed = errors.length
    await databaseGate.shut()
    await expect.poll(() => errors.length).toBeGreaterThan(failed)
  })

  it('stops at once when it is told to, also while it waits for its next round', async () => {
    await insertCourses(database, 1)
    const rounds: Reconciled[] = []
    const stop = startReconciler({
      db: database.db,
      queue,
      intervalMs: 60_000,
      onRound: (round) => rounds.push(round),
      onError: () => undefined,
    })
    await expect.poll(() => rounds).toHaveLength(1)
    const startedAt = performance.now()
    await stop()
    expect(performance.now() - startedAt).toBeLessThan(500)
  })

  it('never runs when its interval is 0', async () => {
    const stop = startReconciler({
      db: database.db,
      queue,
      intervalMs: 0,
      onRound: () => expect.unreachable(),
      onError: () => expect.unreachable(),
    })
    await stop()
  })
})
