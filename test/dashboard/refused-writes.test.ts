import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { overviewOf, startTestDashboard } from '../support/dashboard.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const database = useDatabase()
let server: RedisServer
let redis: Redis
let dashboard: RunningDashboard
let worker: Awaited<ReturnType<typeof startTestWorker>>

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  const place = { databaseUrl: database.url, queue: { url: server.url, prefix: '{refused}' } }
  await insertCourses(database, 1)
  worker = await startTestWorker(place)
  dashboard = await startTestDashboard(place)
})
afterEach(async () => {
  await redis.config('SET', 'maxmemory', '0')
  await redis.replicaof('NO', 'ONE')
})
afterAll(async () => {
  await worker.close()
  await dashboard.close()
  redis.disconnect()
  await server.stop()
})

async function verdict(): Promise<string> {
  const { symptom, verdict } = await overviewOf(dashboard)
  return `${symptom}: ${verdict}`
}

it('says that Redis is out of memory, even while everyone is enrolled', async () => {
  await redis.config('SET', 'maxmemory', '100kb')
  await expect
    .poll(verdict, { timeout: 15_000 })
    .toMatch(/^queue-unreachable: .*out of memory \(maxmemory\) and accepts no writes/)
})

it('promises no round of the reconciler, and no backfill, while Redis is a replica', async () => {
  await redis.replicaof('127.0.0.1', '1')
  await insertUsers(database, 2)
  await expect
    .poll(verdict, { timeout: 15_000 })
    .toMatch(/^queue-unreachable: .*is a replica and accepts no writes.* 0 of 2 users are enrolled/)
  const said = await verdict()
  expect(said).not.toMatch(/a backfill does it now|The reconciler queues/)
})
