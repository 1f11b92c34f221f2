import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { createPublisher } from '../../producers/publisher.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { partitionOf, partitionPrefixes } from '../../queue/partitions.js'
import type { RunningWorker } from '../../worker/run.js'

import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { basic, OPERATOR, overviewOf, post, startTestDashboard } from '../support/dashboard.js'
import { runScript } from '../support/process.js'
import { aclFlags, asRedisUser } from '../support/redis-acl.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const prefix = '{auto-enroll}'

describe.each([1, 3])('the users of queue/redis.acl, with %i partitions', (partitions) => {
  const database = useDatabase()
  let redis: RedisServer
  let worker: RunningWorker
  let dashboard: RunningDashboard
  let queue: EventQueue
  const urlFor = (user: Parameters<typeof asRedisUser>[1]) => asRedisUser(redis.url, user)

  beforeAll(async () => {
    redis = await startRedis({ flags: await aclFlags() })
    const env = { QUEUE_PARTITIONS: String(partitions), RECONCILE_INTERVAL_MS: '200' }
    worker = await startTestWorker({
      databaseUrl: database.url,
      queue: { url: urlFor('auto-enroll-worker'), prefix },
      env,
    })
    dashboard = await startTestDashboard({
      databaseUrl: database.url,
      queue: { url: urlFor('auto-enroll-dashboard'), prefix },
      env: { ...env, DASHBOARD_USER: OPERATOR.name, DASHBOARD_PASSWORD: OPERATOR.password },
    })
    queue = openQueue({
      url: urlFor('auto-enroll-dashboard'),
      prefix,
      partitions,
      timeoutMs: 5000,
      onError: () => undefined,
    })
  })
  afterAll(async () => {
    await queue.close()
    await Promise.all([dashboard.close(), worker.close()])
    await redis.stop()
  })

  it('are enough to publish, consume, retry, reconcile, pause and look', async () => {
    await insertCourses(database, 2)
    const userIds = await insertUsers(database, 20)
    const publisher = createPublisher({ queueUrl: urlFor('auto-enroll-sign-up'), partitions })
    await queue.pause()
    for (const userId of userIds) await publisher.publish({ userId, source: 'google' })
    expect((await publisher.publish({ userId: userIds[0] ?? '', source: 'google' })).status).toBe('duplicate')
    expect((await publisher.publish({ userId: 'nobody', source: 'google' })).status).toBe('queued')
    await queue.resume()
    await expect.poll(() => countEnrollments(database), { timeout: 10_000 }).toBe(40)
    await insertUsers(database, 10)
    await expect.poll(() => countEnrollments(database), { timeout: 10_000 }).toBe(60)
    const ready = await fetch(`${worker.url}/readyz`)
    expect(await ready.json()).toMatchObject({ queue: 'ok' })
    await publisher.close()
    expect(await refusals(redis)).toEqual([])
  })

  it('are enough for the dashboard and the commands', async () => {
    await expect
      .poll(async () => (await overviewOf(dashboard)).text, { timeout: 10_000 })
      .toMatch(/Workers 1\b/)
    for (const path of ['/pause', '/resume', '/backfill']) {
      expect((await post(dashboard, path, OPERATOR)).status).toBe(303)
    }
    for (const path of [
      '/queues/api/queues?activeQueue=user-created',
      '/queues/api/redis/stats',
      '/metrics',
    ]) {
      expect((await fetch(dashboard.url + path, { headers: basic(OPERATOR) })).status).toBeLessThan(500)
    }
    const env = {
      DATABASE_URL: database.url,
      QUEUE_URL: urlFor('auto-enroll-dashboard'),
      QUEUE_PARTITIONS: String(partitions),
    }
    for (const command of ['pause', 'resume', 'backfill', 'verify', 'retry-failed', 'explain', 'doctor']) {
      const words = command === 'explain' ? [(await insertUsers(database, 1))[0] ?? ''] : []
      await runScript(command, words, env)
      expect([command, await refusals(redis)]).toEqual([command, []])
    }
  })

  it('let nobody bar a user by a job that is nowhere', async () => {
    const userId = randomUUID()
    const [own = prefix] = partitionPrefixes(prefix, partitions).slice(partitionOf(userId, partitions))
    const signUp = new Redis(urlFor('auto-enroll-sign-up'))
    const fake = randomUUID()
    await signUp.hmset(`${own}:user-created:${fake}`, {
      name: 'user.created',
      deid: userId,
      data: '{}',
      opts: '{}',
    })
    await signUp.set(`${own}:user-created:de:${userId}`, fake)
    signUp.disconnect()
    const before = await countEnrollments(database)
    await database.sql(`insert into "User" (id, email, name) values ($1, 'barred@example.com', 'B')`, [
      userId,
    ])
    await expect.poll(() => countEnrollments(database), { timeout: 10_000 }).toBe(before + 2)
  })

  it('let sign-ups go on after Redis lost everything', async () => {
    const publisher = createPublisher({
      queueUrl: urlFor('auto-enroll-sign-up'),
      partitions,
      timeoutMs: 2000,
    })
    await redis.kill()
    await redis.start()
    await expect
      .poll(async () => (await publisher.publish({ userId: randomUUID(), source: 'google' })).status, {
        timeout: 20_000,
      })
      .toBe('queued')
    await publisher.close()
  })
})

describe('a process that has the Redis user of sign-ups', () => {
  let redis: RedisServer
  let admin: Redis
  let client: Redis
  const base = '{auto-enroll}:user-created'
  const other = '{auto-enroll:1}:user-created'

  beforeAll(async () => {
    redis = await startRedis({ flags: await aclFlags() })
    admin = new Redis(redis.url)
    client = new Redis(asRedisUser(redis.url, 'auto-enroll-sign-up'))
  })
  afterAll(async () => {
    client.disconnect()
    admin.disconnect()
    await redis.stop()
  })

  it.for([
    ['wipe', 'flushall'],
    ['list keys', 'keys', '*'],
    ['read the configuration', 'config', 'get', '*'],
    ['list clients', 'client', 'list'],
    ['load scripts for others', 'script', 'flush'],
    ['pause', 'hset', `${base}:meta`, 'paused', '1'],
    ['pause a partition', 'hset', `${other}:meta`, 'paused', '1'],
    ['pause by HMSET', 'hmset', `${base}:meta`, 'paused', '1'],
    ['pause by a script', 'eval', `return redis.call('hset', KEYS[1], 'paused', 1)`, '1', `${base}:meta`],
    ['limit the rate', 'set', `${base}:limiter`, '1000000'],
    ['read a job', 'hgetall', `${base}:${'1'.repeat(36)}`],
    ['read what failed', 'zrange', `${base}:failed`, '0', '-1'],
    ['put an event off', 'zadd', `${base}:delayed`, '9e15', 'x'],
    ['fail a job', 'zadd', `${base}:failed`, '1', 'x'],
    ['take an event', 'rpop', `${base}:wait`],
    ['take a worker’s lock', 'set', `${base}:${randomUUID()}:lock`, 'x'],
    ['delete a job', 'del', `${base}:${randomUUID()}`],
    ['delete the queue', 'del', `${base}:wait`],
    ['make a list something else', 'set', `${base}:wait`, 'x'],
    ['read another application’s key', 'get', 'session:of-somebody'],
    ['read it by a script', 'eval', `return redis.call('get', 'session:of-somebody')`, '0'],
  ] as const)('may not %s', async ([, command, ...words]) => {
    await expect(client.call(command, ...words)).rejects.toThrow(/NOPERM|can't (access|run)|No permissions/)
    expect(await admin.hget(`${base}:meta`, 'paused')).toBeNull()
  })
})

describe('the Redis user of workers', () => {
  it.for([
    ['flushall'],
    ['keys', '*'],
    ['config', 'set', 'dir', '/'],
    ['hgetall', 'session:of-somebody'],
    ['eval', `return redis.call('get', 'session:of-somebody')`, '0'],
  ] as const)('may not %s', async ([command, ...words]) => {
    const redis = await startRedis({ flags: await aclFlags() })
    const client = new Redis(asRedisUser(redis.url, 'auto-enroll-worker'))
    await expect(client.call(command, ...words)).rejects.toThrow(/NOPERM|can't (access|run)|No permissions/)
    client.disconnect()
    await redis.stop()
  })
})

/** What was refused to a user, as Redis noted it. */
async function refusals(redis: RedisServer): Promise<unknown> {
  const client = new Redis(redis.url)
  const log = (await client.call('acl', 'log')) as unknown[][]
  client.disconnect()
  return log.map((entry) => [entry[5], entry[7], entry[9]])
}
