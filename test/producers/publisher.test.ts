import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createPublisher,
  type Publisher,
  type PublisherOptions,
  type PublishResult,
} from '../../producers/publisher.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { type Gate, makeGate } from '../support/gate.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'

const TIMEOUT_MS = 250

describe.each(BACKENDS)('publishing to a queue on %s', (backend) => {
  const database = useDatabase()
  const closing: (() => Promise<void>)[] = []
  let place: { url: string; prefix: string }
  let gate: Gate
  let queue: EventQueue

  beforeEach(async () => {
    place = queuePlace(backend, database)
    gate = await makeGate(place.url)
    queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    await queue.bull().obliterate({ force: true })
    closing.push(
      () => queue.close(),
      () => gate.shut(),
    )
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  function publisherTo(url: string, options: Partial<PublisherOptions> = {}): Publisher {
    const publisher = createPublisher({
      queueUrl: url,
      prefix: place.prefix,
      timeoutMs: TIMEOUT_MS,
      ...options,
    })
    closing.push(() => publisher.close())
    return publisher
  }

  it('distinguishes a new event from one that its user already has', async () => {
    const publisher = publisherTo(place.url, { timeoutMs: 5000 })
    expect(await publisher.publish({ userId: 'ada', source: 'credentials' })).toEqual({ status: 'queued' })
    expect(await publisher.publish({ userId: 'ada', source: 'google' })).toEqual({ status: 'duplicate' })
    expect(await publisher.publish({ userId: 'bob', source: 'credentials' })).toEqual({ status: 'queued' })
    const jobs = await queue.bull().getJobs(['waiting'])
    expect(jobs.map((job) => [job.name, job.data])).toEqual(
      expect.arrayContaining([
        ['user.created', { v: 1, userId: 'ada', source: 'credentials', occurredAt: expect.any(String) }],
        ['user.created', { v: 1, userId: 'bob', source: 'credentials', occurredAt: expect.any(String) }],
      ]),
    )
  })

  it.each([
    ['digits only', '42'],
    ['colons', 'tenant:1:2:3'],
    ['the reserved job id', '0:0'],
    ['quotes and backslashes', `'";--\\ \u0001`],
    ['letters beyond the basic plane', '用户-🦊-é'],
    ['255 characters', 'x'.repeat(255)],
    ['braces and line breaks', '{a}\n%s$1'],
  ])('carries an id of %s unchanged', async (_, userId) => {
    const publisher = publisherTo(place.url, { timeoutMs: 5000 })
    expect(await publisher.publish({ userId, source: 'admin' })).toEqual({ status: 'queued' })
    expect(await publisher.publish({ userId, source: 'admin' })).toEqual({ status: 'duplicate' })
    const [job] = await queue.bull().getJobs(['waiting'])
    expect(job?.data.userId).toBe(userId)
  })

  it('recovers by itself if the queue was down when the process started', async () => {
    const publisher = publisherTo(gate.url)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await timed(publisher.publish(event(`early-${attempt}`)))).toMatchObject({ status: 'deferred' })
    }
    await gate.open()
    await expect
      .poll(() => publisher.publish(event('late')), POLL)
      .toMatchObject({ status: QUEUED_OR_DUPLICATE })
  })

  it('recovers by itself if the queue goes down later', async () => {
    await gate.open()
    const publisher = publisherTo(gate.url)
    await expect
      .poll(() => publisher.publish(event('before')), POLL)
      .toMatchObject({ status: QUEUED_OR_DUPLICATE })
    await gate.shut()
    expect(await timed(publisher.publish(event('during')))).toMatchObject({ status: 'deferred' })
    await gate.open()
    await expect
      .poll(() => publisher.publish(event('after')), POLL)
      .toMatchObject({ status: QUEUED_OR_DUPLICATE })
  })

  it('returns in time while the queue hangs, and recovers when it continues', async () => {
    await gate.open()
    const publisher = publisherTo(gate.url)
    await expect
      .poll(() => publisher.publish(event('before')), POLL)
      .toMatchObject({ status: QUEUED_OR_DUPLICATE })
    gate.freeze()
    expect(await timed(publisher.publish(event('during')))).toMatchObject({ status: 'deferred' })
    gate.thaw()
    await expect
      .poll(() => publisher.publish(event('after')), POLL)
      .toMatchObject({ status: QUEUED_OR_DUPLICATE })
  })

  it('returns in time if a server accepts the connection and never replies', async () => {
    await gate.open()
    gate.freeze()
    const publisher = publisherTo(gate.url)
    expect(await timed(publisher.publish(event('ada')))).toMatchObject({ status: 'deferred' })
  })

  it('pauses after repeated failures, costs next to nothing meanwhile, and tries again', async () => {
    const logged: string[] = []
    const logger = {
      warn: (_: object, message: string) => logged.push(`warn: ${message}`),
      info: (_: object, message: string) => logged.push(`info: ${message}`),
    }
    await gate.open()
    const publisher = publisherTo(gate.url, { logger })
    await expect
      .poll(() => publisher.publish(event('before')), POLL)
      .toMatchObject({ status: QUEUED_OR_DUPLICATE })
    gate.freeze()
    await Promise.all(numbered(100).map((n) => timed(publisher.publish(event(n)))))

    const startedAt = performance.now()
    const resting = await publisher.publish(event('resting'))
    let tries = 0
    for (const n of numbered(10_000)) {
      if (reasonOf(await publisher.publish(event(n))) !== reasonOf(resting)) tries += 1
    }
    expect((performance.now() - startedAt) / 10_000).toBeLessThan(1)
    expect(tries).toBeLessThan(5)

    await expect
      .poll(async () => {
        const results = await Promise.all(numbered(100).map((n) => timed(publisher.publish(event(n)))))
        return results.some((result) => reasonOf(result) !== reasonOf(resting))
      }, POLL)
      .toBe(true)
    gate.thaw()
    await expect
      .poll(() => publisher.publish(event('after')), POLL)
      .toMatchObject({ status: QUEUED_OR_DUPLICATE })
    expect(logged).toEqual([
      'warn: publishing keeps failing: for a while, new users are left to the reconciler',
      ...logged.slice(1, -1),
      'info: publishing works again',
    ])
    // The hundred events of the freeze may have arrived; the thousands during the open circuit were never sent.
    expect(await queue.countUnfinished()).toBeLessThan(250)
  })

  it('closes in bounded time while the queue hangs', async () => {
    await gate.open()
    const publisher = publisherTo(gate.url)
    await expect
      .poll(() => publisher.publish(event('before')), POLL)
      .toMatchObject({ status: QUEUED_OR_DUPLICATE })
    gate.freeze()
    const publishing = publisher.publish(event('during'))
    const startedAt = performance.now()
    await publisher.close()
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + 1500)
    expect(await publishing).toMatchObject({ status: 'deferred' })
    expect(await publisher.publish(event('late'))).toEqual({
      status: 'deferred',
      reason: 'the publisher is closed',
    })
  })

  it('does not connect before the first event, nor when disabled', async () => {
    await gate.open()
    const idle = publisherTo(gate.url)
    const disabled = publisherTo(gate.url, { enabled: false })
    expect(await disabled.publish(event('ada'))).toEqual({ status: 'disabled' })
    await idle.close()
    await disabled.close()
    expect(gate.connections()).toBe(0)
  })
})

const POLL = { timeout: 15_000, interval: 50 }
const QUEUED_OR_DUPLICATE = expect.stringMatching(/^(queued|duplicate)$/)

function event(userId: string) {
  return { userId, source: 'credentials' as const }
}

function reasonOf(result: PublishResult): string | undefined {
  return 'reason' in result ? result.reason : undefined
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `user-${index}`)
}

/** Fails if it takes longer than promised, with some grace for a busy machine. */
async function timed<T>(publishing: Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const result = await publishing
  expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + 500)
  return result
}
