import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import { createLease } from '../../db/lease.js'
import type { Database } from '../../db/schema.js'
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
  const rounds = (options: { db?: Database; queue?: EventQueue; intervalMs?: number } = {}) =>
    createRounds({ db: database.db, queue, intervalMs: 0, ...options })
  const reconcile = () => rounds().run(never)

  const leaseName = () => `reconcile ${place.prefix}`

  beforeEach(async () => {
    await database.sql('truncate "User", "Course", auto_enroll.lease cascade')
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

  it('enrolls users whose event was lost, each once, with two workers running', async () => {
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

  it('changes nothing while another worker of the fleet reconciles', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 2)
    const lease = createLease(database.db, { name: leaseName(), everyMs: 0 })
    await lease.run(async () => {
      expect(await reconcile()).toEqual({ status: 'locked' })
      expect(await queue.countUnfinished()).toBe(0)
    })
    expect(await reconcile()).toMatchObject({ status: 'done', queued: 2 })
  })

  it('reconciles once an interval for the whole fleet, and at once when the worker that did so leaves', async () => {
    await insertCourses(database, 1)
    const intervalMs = 60_000
    const [first, second] = [rounds({ intervalMs }), rounds({ intervalMs })]
    expect(await first.run(never)).toMatchObject({ status: 'done' })
    expect(await second.run(never)).toEqual({ status: 'locked' })
    expect(await first.run(never)).toMatchObject({ status: 'done' })
    await first.handOver()
    expect(await second.run(never)).toMatchObject({ status: 'done' })
    await database.sql(`update auto_enroll.lease set ended_at = now() - interval '2 minutes'`)
    expect(await first.run(never)).toMatchObject({ status: 'done' })
  })

  it('reads a page again that could not be queued', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 2500)
    let calls = 0
    const failing: EventQueue = {
      ...queue,
      addMany: async (events) => {
        calls += 1
        if (calls === 4) throw new Error('OOM command not allowed')
        return queue.addMany(events)
      },
    }
    const reconciler = rounds({ queue: failing })
    await expect(reconciler.run(never)).rejects.toThrow('OOM')
    expect(await reconciler.run(never)).toMatchObject({ status: 'done', users: 2500 })
    expect(await queue.countUnfinished()).toBe(2500)
  })

  it('needs no more than one connection, and holds no transaction over a round', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 30)
    const db = connectDatabase(database.url, { max: 1 })
    closing.push(() => db.destroy())
    const transactions = () =>
      database.sql<{ state: string }>(
        `select state from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`,
      )
    const watched: EventQueue = {
      ...queue,
      async addMany(events) {
        expect(await transactions()).toEqual([])
        return queue.addMany(events)
      },
    }
    expect(await rounds({ db, queue: watched }).run(never)).toMatchObject({ status: 'done', queued: 30 })
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

  it('reports an outage of the queue and of the database, and continues when they are back', async () => {
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

  it('stops at once when asked to, even while it waits for its next round', async () => {
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
