import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import type { Source, UserCreatedResult } from '../../queue/user-created.js'
import { BACKLOG_SLOTS } from '../../worker/slots.js'
import { event } from '../support/event.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startConsumer, type TestConsumer } from '../support/worker.js'

describe.each(BACKENDS)('a worker of 200 slots, with its queue on %s', (backend) => {
  const { alone, shared } = BACKLOG_SLOTS[backend]
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let queue: EventQueue
  let worker: TestConsumer
  let held: { lane: string; finish: () => void }[]
  let most: Record<string, number>

  beforeEach(async () => {
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    await queue.resume()
    await queue.bull().obliterate({ force: true })
    held = []
    most = { live: 0, backlog: 0 }
  })
  afterEach(async () => {
    await worker.stop()
    await queue.close()
  })

  /** Each job is held until `finish` is called. */
  function startWorker(): void {
    const hold = (_: string, lane = 'live') =>
      new Promise<UserCreatedResult>((resolve) => {
        held.push({ lane, finish: () => resolve({ outcome: 'enrolled', enrolled: 1 }) })
        most[lane] = Math.max(most[lane] ?? 0, held.filter((job) => job.lane === lane).length)
      })
    worker = startConsumer(place, hold, { concurrency: 200 })
  }

  const add = (count: number, source: Source) =>
    queue.addMany(Array.from({ length: count }, (_, index) => event(`${source}-${index}`, source)))

  /** Returns once a worker that a backlog keeps busy has taken the sign-up, after one of the others has finished. */
  async function signUpDuring(count: number, source: Source): Promise<void> {
    await add(count, source)
    startWorker()
    await expect.poll(() => held.length).toBe(alone)
    await queue.add(event('ada'))
    held.shift()?.finish()
    await expect.poll(() => held.map(({ lane }) => lane)).toContain('live')
  }

  it('gives a backlog some of them, however long it is', async () => {
    await add(300, 'backfill')
    startWorker()
    await expect.poll(() => held.length).toBe(alone)
    await expect
      .poll(async () => {
        for (const { finish } of held.splice(0)) finish()
        return queue.countUnfinished()
      })
      .toBe(0)
    expect(most).toEqual({ live: 0, backlog: alone })
  })

  it('works on no more of a backlog when a burst of sign-ups is over and all slots are free at once', async () => {
    await add(200, 'credentials')
    await add(400, 'backfill')
    startWorker()
    await expect.poll(() => held.length).toBe(200)
    const finishAll = async () => {
      for (const { finish } of held.splice(0)) finish()
      return queue.countUnfinished()
    }
    await expect.poll(finishAll, { timeout: 10_000 }).toBe(0)
    expect(most).toEqual({ live: 200, backlog: alone })
  })

  it('gives sign-ups all of them', async () => {
    await add(300, 'credentials')
    startWorker()
    await expect.poll(() => held.length).toBe(200)
  })

  it('gives a sign-up the next that is free, whatever waits', async () => {
    await signUpDuring(300, 'reconcile')
    expect(most.backlog).toBeLessThan(alone + 5)
  })

  it('gives a backlog fewer while people sign up, and all of its own again afterwards', async () => {
    await signUpDuring(500, 'backfill')
    const [ada] = held.splice(
      held.findIndex(({ lane }) => lane === 'live'),
      1,
    )
    for (const { finish } of held.splice(0)) finish()
    await expect.poll(() => held.length).toBeGreaterThanOrEqual(shared)
    expect(held.length).toBeLessThanOrEqual(shared + 2)
    ada?.finish()
    most.backlog = 0
    const finishAll = () => {
      for (const { finish } of held.splice(0)) finish()
      return most.backlog
    }
    await expect.poll(finishAll, { interval: 100, timeout: 5000 }).toBe(alone)
  })
})
