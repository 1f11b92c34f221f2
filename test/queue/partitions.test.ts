import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { createPublisher } from '../../producers/publisher.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { partitionOf, partitionPrefixes } from '../../queue/partitions.js'
import { refill } from '../../queue/refill.js'
import type { RunningWorker } from '../../worker/run.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { event } from '../support/event.js'
import { runScript } from '../support/process.js'
import { type RedisTopology, startCluster } from '../support/redis-topologies.js'
import { useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

describe('the partitions of a queue', () => {
  it('have hash tags of their own, of which the first is the plain one', () => {
    expect(partitionPrefixes('{auto-enroll}', 3)).toEqual([
      '{auto-enroll}',
      '{auto-enroll:1}',
      '{auto-enroll:2}',
    ])
    expect(partitionPrefixes('school:{enroll}:v1', 2)).toEqual(['school:{enroll}:v1', 'school:{enroll:1}:v1'])
    expect(partitionPrefixes('plain', 2)).toEqual(['plain', 'plain:1'])
  })

  it('share the users evenly, the same in every process', () => {
    const counts = [0, 0, 0, 0]
    for (let n = 0; n < 4000; n += 1) {
      const partition = partitionOf(`user-${n}`, 4)
      counts[partition] = (counts[partition] ?? 0) + 1
    }
    for (const count of counts) expect(count).toBeGreaterThan(900)
    expect([partitionOf('ada', 4), partitionOf('carol', 4), partitionOf('carol', 1)]).toEqual([0, 3, 0])
  })
})

const oneRedis = async (): Promise<RedisTopology> => ({
  url: inject('redisUrl'),
  stop: async () => undefined,
})

describe.each([
  ['one Redis', oneRedis],
  ['a cluster of three masters', startCluster],
] as const)('a queue of several partitions on %s', (_, start) => {
  const database = useDatabase()
  let topology: RedisTopology
  let place: { url: string; prefix: string }
  let tests = 0
  const closing: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    topology = await start()
  })
  afterAll(() => topology.stop())
  beforeEach(async () => {
    tests += 1
    place = { url: topology.url, prefix: `{partitions-${tests}}` }
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await insertCourses(database, 2)
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  function open(partitions: number): EventQueue {
    const queue = openQueue({ ...place, partitions, timeoutMs: 10_000, onError: () => undefined })
    closing.push(() => queue.close())
    return queue
  }

  async function work(partitions: number): Promise<RunningWorker> {
    const env = { QUEUE_PARTITIONS: String(partitions) }
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place, env })
    closing.push(() => worker.close())
    return worker
  }

  it('is published to, held back by a pause, backfilled, and consumed by a worker', async () => {
    const queue = open(4)
    await work(4)
    await queue.pause()
    const userIds = await insertUsers(database, 60)
    const publisher = createPublisher({ ...place, queueUrl: place.url, partitions: 4, timeoutMs: 10_000 })
    closing.push(() => publisher.close())
    for (const userId of [...userIds.slice(0, 20), ...userIds.slice(0, 5)]) {
      await publisher.publish({ userId, source: 'credentials' })
    }
    expect(await queue.countUnfinished()).toBe(20)

    await refill(queue, pageOf(userIds), { source: 'backfill', maxPending: 1000 })
    expect(await queue.countUnfinished()).toBe(60)
    for (const bull of queue.partitions()) expect(await bull.count()).toBeGreaterThan(0)
    expect(await countEnrollments(database)).toBe(0)

    await queue.resume()
    await expect.poll(() => countEnrollments(database), { timeout: 10_000 }).toBe(120)
    await expect.poll(() => queue.countUnfinished()).toBe(0)
  })

  it('loses nothing when it grows while jobs are waiting, and stays paused', async () => {
    const userIds = await insertUsers(database, 40)
    const narrow = open(1)
    await narrow.pause()
    await narrow.addMany(userIds.slice(0, 20).map((userId) => event(userId)))

    await work(4)
    const wide = open(4)
    for (const bull of wide.partitions()) expect(await bull.isPaused()).toBe(true)
    await wide.addMany(userIds.slice(20).map((userId) => event(userId)))
    expect(await wide.countUnfinished()).toBe(40)
    await wide.resume()
    await expect.poll(() => countEnrollments(database), { timeout: 10_000 }).toBe(80)
  })

  it('refuses to shrink while the removed partitions hold jobs', async () => {
    const wide = open(4)
    await (await work(4)).close()
    await wide.addMany((await insertUsers(database, 40)).map((userId) => event(userId)))
    const beyond = await Promise.all(wide.partitions().map((bull) => bull.count()))
    const removed = (beyond[2] ?? 0) + (beyond[3] ?? 0)

    const refused = new RegExp(`QUEUE_PARTITIONS: ${removed} unfinished jobs are in partitions beyond 2 of 4`)
    await expect(work(2)).rejects.toThrow(refused)
    const env = {
      DATABASE_URL: database.url,
      QUEUE_URL: place.url,
      QUEUE_PREFIX: place.prefix,
      QUEUE_PARTITIONS: '2',
    }
    const worker = await runScript('worker', [], { ...env, WORKER_HTTP_PORT: '0' })
    expect(worker.exitCode).toBe(2)
    expect(worker.stderr).toMatch(refused)
    const doctor = await runScript('doctor', [], env)
    expect(doctor.exitCode).toBe(1)
    expect(doctor.stdout).toMatch(refused)

    await work(4)
    await expect.poll(() => countEnrollments(database), { timeout: 10_000 }).toBe(80)
    await expect.poll(() => wide.countUnfinished()).toBe(0)
    await expect(work(2)).resolves.toBeDefined()
  })

  it('has the figures of each partition exported', async () => {
    const { url } = await work(2)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics.match(/^# TYPE bullmq_job_count/gm)).toHaveLength(1)
    for (const partition of [0, 1]) {
      expect(metrics).toMatch(new RegExp(`^bullmq_job_count\\{.*partition="${partition}"\\} 0$`, 'm'))
    }
  })

  it('lies on every master', async () => {
    await open(8).addMany(Array.from({ length: 80 }, (_, n) => event(`user-${n}`)))
    for (const address of topology.url.replace(/^redis(\+cluster)?:\/\//, '').split(',')) {
      const node = new Redis(`redis://${address}`)
      expect(await node.dbsize()).toBeGreaterThan(10)
      node.disconnect()
    }
  })
})

describe('a queue on Postgres', () => {
  it('has one partition, and says so', async () => {
    const env = { QUEUE_URL: 'postgres://localhost/queue', QUEUE_PARTITIONS: '4' }
    const { exitCode, stderr } = await runScript('pause', [], env)
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/QUEUE_PARTITIONS: expected 1, because the queue is on Postgres/)
    expect(() => createPublisher({ queueUrl: env.QUEUE_URL, partitions: 4 })).toThrow(
      /partitions: expected 1/,
    )
  })
})

async function* pageOf(userIds: string[]): AsyncGenerator<string[]> {
  yield userIds
}
