import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPublisher } from '../../producers/publisher.js'
import { openQueue } from '../../queue/open.js'
import type { RunningWorker } from '../../worker/run.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { aclFlags, asRedisUser } from '../support/redis-acl.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const prefix = '{auto-enroll}'

describe('the users of queue/redis.acl', () => {
  const database = useDatabase()
  let redis: RedisServer
  let worker: RunningWorker

  beforeAll(async () => {
    redis = await startRedis({ flags: await aclFlags() })
    worker = await startTestWorker({
      databaseUrl: database.url,
      queue: { url: asRedisUser(redis.url, 'auto-enroll-worker'), prefix },
      env: { RECONCILE_INTERVAL_MS: '200' },
    })
  })
  afterAll(async () => {
    await worker.close()
    await redis.stop()
  })

  it('are enough to publish, consume, retry, reconcile, pause and look', async () => {
    await insertCourses(database, 2)
    const [userId = ''] = await insertUsers(database, 1)
    const publisher = createPublisher({ queueUrl: asRedisUser(redis.url, 'auto-enroll-sign-up') })
    const queue = openQueue({
      url: asRedisUser(redis.url, 'auto-enroll-worker'),
      prefix,
      timeoutMs: 5000,
      onError: () => undefined,
    })
    await queue.pause()
    expect((await publisher.publish({ userId, source: 'google' })).status).toBe('queued')
    expect((await publisher.publish({ userId, source: 'google' })).status).toBe('duplicate')
    expect((await publisher.publish({ userId: 'nobody', source: 'google' })).status).toBe('queued')
    await queue.resume()
    await expect.poll(() => countEnrollments(database)).toBe(2)
    await insertUsers(database, 10)
    await expect.poll(() => countEnrollments(database)).toBe(22)
    expect(await queue.bull().getJobs(['completed', 'failed', 'delayed'])).not.toEqual([])
    const ready = await fetch(`${worker.url}/readyz`)
    expect(await ready.json()).toMatchObject({ queue: 'ok' })
    await publisher.close()
    await queue.close()
    expect(await refusals(redis)).toEqual([])
  })

  it.for([
    ['auto-enroll-sign-up', 'flushall'],
    ['auto-enroll-sign-up', 'keys', '*'],
    ['auto-enroll-sign-up', 'config', 'get', '*'],
    ['auto-enroll-sign-up', 'hgetall', '{auto-enroll}:user-created:1'],
    ['auto-enroll-sign-up', 'del', '{auto-enroll}:user-created:meta'],
    ['auto-enroll-sign-up', 'get', 'session:of-somebody'],
    ['auto-enroll-worker', 'flushall'],
    ['auto-enroll-worker', 'keys', '*'],
    ['auto-enroll-worker', 'config', 'set', 'dir', '/'],
    ['auto-enroll-worker', 'hgetall', 'session:of-somebody'],
    ['auto-enroll-worker', 'eval', "return redis.call('get', 'session:of-somebody')", '0'],
  ] as const)('%s may not %s', async ([user, command, ...words]) => {
    const client = new Redis(asRedisUser(redis.url, user))
    await expect(client.call(command, ...words)).rejects.toThrow(/NOPERM|can't access|No permissions/)
    client.disconnect()
  })
})

/** What was refused to a user, as Redis noted it. */
async function refusals(redis: RedisServer): Promise<unknown> {
  const client = new Redis(redis.url)
  const log = await client.call('acl', 'log')
  client.disconnect()
  return log
}
