import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import type { RunningWorker } from '../../worker/run.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { event } from '../support/event.js'
import { type Gate, makeGate } from '../support/gate.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

describe.each(BACKENDS)("a worker's health, with its queue on %s", (backend) => {
  const database = useDatabase()
  let databaseGate: Gate
  let queueGate: Gate
  let queue: EventQueue
  let worker: RunningWorker

  beforeEach(async () => {
    await database.sql('truncate "User", "Course" cascade')
    const place = queuePlace(backend, database)
    databaseGate = await makeGate(database.url)
    queueGate = await makeGate(place.url)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    worker = await startTestWorker({
      databaseUrl: databaseGate.url,
      queue: { url: queueGate.url, prefix: place.prefix },
      env: { SHUTDOWN_TIMEOUT_MS: '500', STALL_TIMEOUT_MS: '1000' },
    })
  })
  afterEach(async () => {
    await worker.close()
    await queue.close()
    await Promise.all([databaseGate.shut(), queueGate.shut()])
  })

  /** Fetches `/readyz`, which responds in time even if its checks hang. */
  async function readiness(): Promise<{ status: number; body: Record<string, string> }> {
    const startedAt = performance.now()
    const response = await fetch(`${worker.url}/readyz`)
    const body = (await response.json()) as Record<string, string>
    expect(performance.now() - startedAt).toBeLessThan(4000)
    return { status: response.status, body }
  }
  const READY = { status: 200, body: { status: 'ready', database: 'ok', queue: 'ok' } }

  it('is ready when it reaches the database and the queue, and says what it does not reach', async () => {
    expect((await fetch(`${worker.url}/healthz`)).status).toBe(200)
    expect(await readiness()).toEqual({
      status: 503,
      body: {
        status: 'not ready',
        database: expect.stringMatching(/ECONNREFUSED|no answer/),
        queue: expect.stringMatching(/./),
      },
    })
    await databaseGate.open()
    await queueGate.open()
    await expect.poll(readiness).toEqual(READY)

    queueGate.freeze()
    expect(await readiness()).toEqual({
      status: 503,
      body: { status: 'not ready', database: 'ok', queue: 'no answer within 2000 ms' },
    })
    queueGate.thaw()
    await expect.poll(readiness).toEqual(READY)

    await databaseGate.shut()
    expect(await readiness()).toMatchObject({ status: 503, body: { queue: 'ok' } })
    await databaseGate.open()
    await expect.poll(readiness).toEqual(READY)
    expect((await fetch(`${worker.url}/healthz`)).status).toBe(200)
  })

  it('asks for no restart while the database is away, since none would help', async () => {
    await queueGate.open()
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await queue.add(event(userId))
    const startedAt = performance.now()
    while (performance.now() - startedAt < 4000) {
      expect((await fetch(`${worker.url}/healthz`)).status).toBe(200)
      expect((await readiness()).status).toBe(503)
    }
    await databaseGate.open()
    await expect.poll(async () => queue.countUnfinished(), { timeout: 5000 }).toBe(0)
  })

  it('counts what it did', async () => {
    await databaseGate.open()
    await queueGate.open()
    await insertCourses(database, 2)
    const [userId = ''] = await insertUsers(database, 1)
    await queue.add(event(userId))
    const figures = async () => (await fetch(`${worker.url}/metrics`)).text()
    await expect.poll(figures).toContain('auto_enroll_enrollments_total 2')
    const text = await figures()
    expect(text).toContain('auto_enroll_jobs_total{outcome="enrolled"} 1')
    expect(text).toContain('auto_enroll_batch_users_count 1')
    expect(text).toContain('auto_enroll_event_to_enrolled_seconds_count 1')
    expect(text).not.toContain(userId)
  })

  it('serves its own figures even while the queue hangs', async () => {
    await databaseGate.open()
    await queueGate.open()
    await expect.poll(readiness).toEqual(READY)
    queueGate.freeze()
    const startedAt = performance.now()
    const response = await fetch(`${worker.url}/metrics`)
    expect(await response.text()).toContain('auto_enroll_jobs_total{outcome="enrolled"} 0')
    expect(performance.now() - startedAt).toBeLessThan(4000)
  })

  it('serves nothing else', async () => {
    expect((await fetch(`${worker.url}/`)).status).toBe(404)
    expect((await fetch(`${worker.url}/metrics`, { method: 'POST' })).status).toBe(404)
  })
})
