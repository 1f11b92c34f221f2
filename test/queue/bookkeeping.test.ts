import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readMinuteCounts } from '../../queue/flow.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { PermanentError } from '../../worker/errors.js'
import { event } from '../support/event.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startConsumer, type TestConsumer } from '../support/worker.js'

const users = (count: number) => Array.from({ length: count }, (_, index) => event(`user-${index}`))

function useQueue(backend: (typeof BACKENDS)[number]) {
  const database = useDatabase()
  const used = {} as { place: { url: string; prefix: string }; queue: EventQueue; worker?: TestConsumer }

  beforeEach(async () => {
    used.place = queuePlace(backend, database)
    used.queue = openQueue({ ...used.place, timeoutMs: 10_000, onError: () => undefined })
    await used.queue.bull().obliterate({ force: true })
  })
  afterEach(async () => {
    await used.worker?.stop()
    await used.queue.close()
  })

  return {
    used,
    completed: () => used.queue.bull().getCompletedCount(),
    counted: async (kind: 'completed' | 'failed') =>
      (await readMinuteCounts(used.queue))[kind].reduce((sum, minute) => sum + minute, 0),
  }
}

describe.each(BACKENDS)('the books of the queue on %s', (backend) => {
  const { used, completed, counted } = useQueue(backend)

  it('count every finished job once, and keep the last thousand completed', async () => {
    const { queue, place } = used
    await queue.addMany(users(1100))
    await queue.add(event('poisoned'))
    const worker = startConsumer(place, async (userId) => {
      if (userId === 'poisoned') throw new PermanentError('never')
      return { outcome: 'enrolled', enrolled: 1 }
    })
    used.worker = worker
    await expect.poll(() => queue.countUnfinished(), { timeout: 20_000 }).toBe(0)
    await worker.consumer.close()
    expect(await completed()).toBe(1000)
    expect(await counted('completed')).toBe(1100)
    expect(await counted('failed')).toBe(1)
  })
})

describe('the books of the queue on Postgres', () => {
  const { used, completed, counted } = useQueue('postgres')
  let other: pg.Client

  beforeEach(async () => {
    other = new pg.Client(used.place.url)
    await other.connect()
    used.worker = startConsumer(used.place)
  })
  afterEach(() => other.end())

  it('forget what was completed over an hour ago', async () => {
    await used.queue.addMany(users(3))
    await expect.poll(completed).toBe(3)
    await other.query('update bullmq.job set finished_at_ms = finished_at_ms - 3600000')
    await used.queue.add(event('ada'))
    await expect.poll(completed).toBe(1)
  })

  it('keep no job waiting', async () => {
    await used.queue.add(event('ada'))
    await expect.poll(() => counted('completed')).toBe(1)
    await other.query('begin')
    await other.query('select from bullmq.metrics for update')
    await used.queue.addMany(users(20))
    await expect.poll(completed).toBe(21)
    await other.query('rollback')
    await expect.poll(() => counted('completed')).toBe(21)
  })
})
