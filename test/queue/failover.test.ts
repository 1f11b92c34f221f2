import { Redis } from 'ioredis'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { createPublisher, type Publisher } from '../../producers/publisher.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { startCluster, startSentinel } from '../faults/redis-groups.js'
import { makeGate } from '../support/gate.js'
import { startRedis } from '../support/redis-server.js'
import { startConsumer, type TestConsumer } from '../support/worker.js'

const PREFIX = '{auto-enroll}'
const LATER = Array.from({ length: 20 }, (_, index) => `later-${index}`)

let publisher: Publisher
let worker: TestConsumer
let queue: EventQueue

/** A publisher, a worker, and a queue to fill, which have all been in use. */
async function connectAll(url: string): Promise<void> {
  publisher = createPublisher({ queueUrl: url, timeoutMs: 1000 })
  worker = startConsumer({ url, prefix: PREFIX })
  queue = openQueue({ url, prefix: PREFIX, timeoutMs: 5000, onError: () => undefined })
  expect(await publisher.publish({ userId: 'first', source: 'admin' })).toEqual({ status: 'queued' })
  await queue.addMany([event('second')])
  await expect.poll(() => worker.enrolled.toSorted()).toEqual(['first', 'second'])
}

afterEach(async () => {
  await Promise.allSettled([publisher.close(), queue.close(), worker.stop()])
})

describe.each([
  ['Sentinel', startSentinel],
  ['a Cluster', () => startCluster(PREFIX)],
] as const)('after a failover of %s in which the old master lives on as a replica', (_, start) => {
  it('everything that was connected to it goes on with the new master', async () => {
    const group = await start()
    onTestFinished(() => group.stop())
    await connectAll(group.queueUrl)
    await group.switchOver()

    const results = await publishAll(LATER)
    expect(results).toEqual(LATER.map(() => 'queued'))
    await queue.addMany([event('by the reconciler')])
    await expect
      .poll(() => new Set(worker.enrolled), { timeout: 5000 })
      .toEqual(new Set(['first', 'second', ...LATER, 'by the reconciler']))
  })
})

describe('a Redis behind an address that now leads to another server', () => {
  it('is left once it refuses writes as a replica', async () => {
    const [old, replacement] = await Promise.all([startRedis(), startRedis()])
    const gate = await makeGate(old.url)
    onTestFinished(async () => {
      await gate.shut()
      await Promise.all([old.stop(), replacement.stop()])
    })
    await gate.open()
    await connectAll(gate.url)
    gate.leadTo(replacement.port)
    await replicate(old.port, '127.0.0.1', String(replacement.port))

    expect(await publishAll(LATER)).toEqual(LATER.map(() => 'queued'))
    await queue.addMany([event('by the reconciler')])
    await expect
      .poll(() => new Set(worker.enrolled), { timeout: 5000 })
      .toEqual(new Set(['first', 'second', ...LATER, 'by the reconciler']))
  })
})

describe('a Redis that becomes a replica for a while', () => {
  it('is used again once it is a master, and the publisher says why it deferred meanwhile', async () => {
    const [redis, other] = await Promise.all([startRedis(), startRedis()])
    onTestFinished(async () => {
      await Promise.all([redis.stop(), other.stop()])
    })
    await connectAll(redis.url)
    await replicate(redis.port, '127.0.0.1', String(other.port))
    expect(await publisher.publish({ userId: 'meanwhile', source: 'admin' })).toEqual({
      status: 'deferred',
      reason: expect.stringContaining('READONLY'),
    })
    await replicate(redis.port, 'no', 'one')
    expect(await publishAll(LATER)).toEqual(LATER.map(() => 'queued'))
    await expect
      .poll(() => new Set(worker.enrolled), { timeout: 5000 })
      .toEqual(new Set(['first', 'second', ...LATER]))
  })
})

async function publishAll(userIds: readonly string[]): Promise<string[]> {
  const statuses: string[] = []
  for (const userId of userIds) statuses.push((await publisher.publish({ userId, source: 'admin' })).status)
  return statuses
}

async function replicate(port: number, host: string, masterPort: string): Promise<void> {
  const client = new Redis({ port })
  await client.replicaof(host, masterPort)
  client.disconnect()
}

function event(userId: string) {
  return { v: 1 as const, userId, source: 'reconcile' as const, occurredAt: new Date().toISOString() }
}
