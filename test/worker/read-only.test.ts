import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type EventQueue, openQueue } from '../../queue/open.js'
import type { RunningWorker } from '../../worker/run.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { event } from '../support/event.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const prefix = '{auto-enroll}'
const READY = { status: 'ready', database: 'ok', queue: 'ok' }

describe('a worker', () => {
  const database = useDatabase()
  let redis: RedisServer
  let queue: EventQueue
  let worker: RunningWorker

  beforeEach(async () => {
    redis = await startRedis()
    queue = openQueue({ url: redis.url, prefix, timeoutMs: 5000, onError: () => undefined })
  })
  afterEach(async () => {
    await worker.close()
    await queue.close()
    await redis.stop()
  })

  async function start(): Promise<void> {
    worker = await startTestWorker({ databaseUrl: database.url, queue: { url: redis.url, prefix } })
  }
  const readiness = async () => (await fetch(`${worker.url}/readyz`)).json()
  const isHealthy = async () => (await fetch(`${worker.url}/healthz`)).ok

  it('whose sessions began while the database was read-only enrolls everyone once it no longer is', async () => {
    await insertCourses(database, 2)
    const userIds = await insertUsers(database, 80)
    const [name] = await database.sql<{ quoted: string }>('select quote_ident(current_database()) as quoted')
    await database.sql(`alter database ${name?.quoted} set default_transaction_read_only = on`)
    await start()
    await queue.addMany(userIds.map((userId) => event(userId)))
    await expect.poll(() => queue.countActive()).toBeGreaterThan(0)
    expect(await readiness()).toMatchObject({
      status: 'not ready',
      database: expect.stringContaining('25006'),
    })
    expect(await isHealthy()).toBe(true)

    await database.sql(`alter database ${name?.quoted} reset default_transaction_read_only`)
    await expect.poll(() => countEnrollments(database), { timeout: 5000 }).toBe(160)
    expect(await readiness()).toEqual(READY)
  })

  function administer(): Redis {
    const admin = new Redis(redis.url)
    onTestFinished(() => admin.disconnect())
    return admin
  }

  it('is not ready while its Redis is a replica', async () => {
    await start()
    await expect.poll(readiness).toEqual(READY)
    const admin = administer()
    await admin.replicaof('127.0.0.1', '1')
    expect(await readiness()).toMatchObject({
      status: 'not ready',
      database: 'ok',
      queue: expect.stringContaining('READONLY'),
    })
    expect(await isHealthy()).toBe(true)
    await admin.replicaof('no', 'one')
    await expect.poll(readiness).toEqual(READY)
  })

  it('is not ready while its Redis is out of memory', async () => {
    await start()
    await expect.poll(readiness).toEqual(READY)
    const admin = administer()
    await admin.config('SET', 'maxmemory', '1mb')
    expect(await readiness()).toMatchObject({ status: 'not ready', queue: expect.stringContaining('OOM') })
  })
})
