import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { migrateQueue } from '../../queue/migrate.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import type { UserCreatedResult } from '../../queue/user-created.js'
import type { Enroll } from '../../worker/enroll.js'
import { type Gate, makeGate } from '../support/gate.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startConsumer } from '../support/worker.js'

const DONE: UserCreatedResult = { outcome: 'enrolled', enrolled: 1 }

describe.each(BACKENDS)('a worker that reaches its queue on %s through a network', (backend) => {
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let gate: Gate
  let queue: EventQueue
  let stop: () => Promise<void>

  beforeEach(async () => {
    place = { ...queuePlace(backend, database), prefix: '{connection}' }
    await migrateQueue(place.url, place.prefix)
    gate = await makeGate(place.url)
    queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    await queue.bull().obliterate({ force: true })
  })
  afterEach(async () => {
    await stop()
    await queue.close()
    await gate.shut()
  })

  function start(enroll?: Enroll) {
    const worker = startConsumer({ url: gate.url, prefix: place.prefix }, enroll)
    stop = worker.stop
    return worker
  }

  it('starts once the queue comes up, even if it was down at first', async () => {
    const { enrolled, errors } = start()
    await expect.poll(() => errors.length).toBeGreaterThan(1)
    await gate.open()
    await queue.add(event('ada'))
    await expect.poll(() => enrolled, { timeout: 10_000 }).toEqual(['ada'])
  })

  it('continues after the queue was down, and after it hung', async () => {
    await gate.open()
    const { enrolled } = start()
    await queue.add(event('ada'))
    await expect.poll(() => enrolled).toEqual(['ada'])
    await expect.poll(() => queue.countUnfinished()).toBe(0)

    await gate.shut()
    await queue.add(event('bob'))
    await gate.open()
    await expect.poll(() => enrolled, { timeout: 20_000 }).toEqual(['ada', 'bob'])

    gate.freeze()
    await queue.add(event('eve'))
    gate.thaw()
    await expect.poll(() => enrolled, { timeout: 20_000 }).toEqual(['ada', 'bob', 'eve'])
  })

  it('runs a job whose delivery got lost on the way, once the lock of the job expires', async () => {
    await gate.open()
    let finish: (result: UserCreatedResult) => void = () => undefined
    const { enrolled } = start((userId) =>
      userId === 'ada'
        ? new Promise((resolve) => {
            finish = resolve
          })
        : Promise.resolve(DONE),
    )
    await queue.add(event('ada'))
    await expect.poll(() => enrolled).toEqual(['ada'])
    await queue.add(event('bob'))

    gate.mute()
    finish(DONE)
    await expect.poll(() => queue.bull().getJobCounts()).toMatchObject({ active: 1, completed: 1 })
    await gate.shut()
    await gate.open()
    await expect.poll(() => enrolled, { timeout: 30_000 }).toEqual(['ada', 'bob'])
  }, 45_000)

  it('closes at once when it is idle', async () => {
    await gate.open()
    const { consumer, enrolled } = start()
    await queue.add(event('ada'))
    await expect.poll(() => enrolled).toEqual(['ada'])
    await expect.poll(() => queue.countUnfinished()).toBe(0)
    const startedAt = performance.now()
    await consumer.close()
    expect(performance.now() - startedAt).toBeLessThan(1000)
  })
})

describe('a worker whose queue on Postgres is not migrated yet', () => {
  const database = useDatabase()

  it('waits for the migration without spinning', async () => {
    const place = { url: database.url, prefix: 'not_migrated' }
    const worker = startConsumer(place)
    await expect.poll(() => worker.errors.length, { timeout: 5000 }).toBe(2)
    expect(worker.errors[0]).toContain('"bullmq_not_migrated" is not initialized')
    await migrateQueue(place.url, place.prefix)
    const queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    await queue.add(event('ada'))
    await expect.poll(() => worker.enrolled, { timeout: 10_000 }).toEqual(['ada'])
    await queue.close()
    await worker.stop()
  })
})

function event(userId: string) {
  return { v: 1 as const, userId, source: 'credentials' as const, occurredAt: new Date().toISOString() }
}
