import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pauseQueue, readPause, resumeQueue } from '../../db/pause.js'
import { adoptQueue } from '../../queue/identity.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import type { RunningWorker } from '../../worker/run.js'
import { asRole, makeRoles } from '../faults/roles.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { event } from '../support/event.js'
import { linesTo } from '../support/log-lines.js'
import { runJson, runScript } from '../support/process.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const ADA = { who: 'ada', through: 'page' }

describe.each(BACKENDS)('a worker, with its queue on %s,', (backend) => {
  const database = useDatabase()
  const other = useDatabase()
  let place: { url: string; prefix: string }
  let queue: EventQueue
  let env: Record<string, string>
  const closing: (() => Promise<unknown>)[] = []

  beforeEach(async () => {
    for (const { sql } of [database, other])
      await sql('truncate "User", "Course", auto_enroll.lease, auto_enroll.pause cascade')
    await insertCourses(database, 1)
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 10_000, onError: () => undefined })
    await queue.resume()
    await queue.bull().obliterate({ force: true })
    await database.sql(`delete from bullmq.meta where queue = 'auto-enroll'`)
    closing.push(() => queue.close())
    env = { DATABASE_URL: database.url, QUEUE_URL: place.url, QUEUE_PREFIX: place.prefix }
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  async function start(
    databaseUrl = database.url,
    lines: Record<string, unknown>[] = [],
  ): Promise<RunningWorker> {
    const log = pino({ level: 'debug' }, linesTo(lines))
    const worker = await startTestWorker({
      databaseUrl,
      queue: place,
      log,
      env: { RECONCILE_INTERVAL_MS: '100' },
    })
    closing.push(() => worker.close())
    return worker
  }
  const owner = () => ownerName(queue)

  describe('and the queue of another database', () => {
    it('refuses to start, with what it found and what to do', async () => {
      await start()
      await expect.poll(owner).toContain('test_')
      const { exitCode, stderr } = await runScript('worker', [], {
        ...env,
        DATABASE_URL: other.url,
        WORKER_HTTP_PORT: '0',
      })
      expect(exitCode).toBe(2)
      expect(stderr).toMatch(
        /the queue \S+ serves another database: "test_\w+" on \S+, whose workers were there \d s ago/,
      )
      expect(stderr).toContain('npm run migrate -- --adopt-queue')
    })

    it('has no command act on it, and takes it over when an operator says so', async () => {
      const first = await start()
      await expect.poll(owner).toContain('test_')
      await insertCourses(other, 1)
      await insertUsers(other, 2)
      const foreign = { ...env, DATABASE_URL: other.url }
      for (const command of ['backfill', 'pause', 'resume']) {
        const { exitCode, stderr } = await runScript(command, [], foreign)
        expect({ exitCode, stderr }).toMatchObject({
          exitCode: 2,
          stderr: expect.stringContaining('serves another database'),
        })
      }
      expect(await queue.isPaused()).toBe(false)
      expect(await runScript('doctor', [], foreign)).toMatchObject({
        exitCode: 1,
        stdout: expect.stringMatching(/✗ identity +the queue \S+ serves another database: "test_\w+"/),
      })
      await first.close()
      expect(await runJson('migrate', ['--adopt-queue'], foreign)).toMatchObject({
        exitCode: 0,
        adopted: true,
      })
      await start(other.url)
      await expect.poll(() => countEnrollments(other)).toBe(2)
    })

    it('takes no more jobs while it serves another one, and goes on when it serves its own again', async () => {
      const lines: Record<string, unknown>[] = []
      await start(database.url, lines)
      await expect.poll(owner).toContain('test_')
      const keepStealing = setInterval(() => void adoptQueue(queue, { id: 'x', name: '"thief"' }), 500)
      try {
        await expect
          .poll(() => lines.map(({ msg }) => msg))
          .toContainEqual(expect.stringContaining('this worker takes no more jobs: the queue'))
        const [userId = ''] = await insertUsers(database, 1)
        await queue.add(event(userId))
        await expect.poll(() => queue.countWaiting()).toBe(1)
      } finally {
        clearInterval(keepStealing)
      }
      await queue.add(event('somebody'))
      expect(await countEnrollments(database)).toBe(0)
      await queue.bull().pause()
      await queue.bull().resume()
      await forgetOwner(queue)
      await expect.poll(() => countEnrollments(database)).toBe(1)
    })
  })

  describe('and a pause that is remembered', () => {
    it('stays paused when the queue forgets it, and pauses the queue again', async () => {
      await start()
      await expect.poll(owner).toContain('test_')
      await pauseQueue(database.db, queue, ADA)
      await expect.poll(() => queue.isPaused()).toBe(true)
      const [userId = ''] = await insertUsers(database, 1)
      await queue.bull().obliterate({ force: true })
      await queue.add(event(userId))
      expect(await queue.isPaused()).toBe(false)
      await expect.poll(() => queue.isPaused()).toBe(true)
      expect(await countEnrollments(database)).toBe(0)
      expect(await queue.countUnfinished()).toBe(1)
      expect(await resumeQueue(database.db, queue)).toBe(undefined)
      await expect.poll(() => countEnrollments(database), { timeout: 4000 }).toBe(1)
    })

    it('takes no job when it starts, although the queue has forgotten it', async () => {
      await pauseQueue(database.db, queue, ADA)
      await queue.resume()
      const [userId = ''] = await insertUsers(database, 1)
      await queue.add(event(userId))
      await start()
      await expect.poll(() => queue.isPaused()).toBe(true)
      expect(await countEnrollments(database)).toBe(0)
      await resumeQueue(database.db, queue)
      await expect.poll(() => countEnrollments(database), { timeout: 4000 }).toBe(1)
    })

    it('remembers it for the commands, and says so where it cannot', async () => {
      expect(await runJson('pause', [], env)).toMatchObject({ exitCode: 0, paused: true, remembered: true })
      expect(await readPause(database.db, place.prefix)).toMatchObject({ through: 'command' })
      expect(await runJson('resume', [], env)).toMatchObject({ exitCode: 0, paused: false })
      expect(await readPause(database.db, place.prefix)).toBe(undefined)

      await database.sql('begin; lock table auto_enroll.pause')
      try {
        const pausing = await runJson('pause', [], env)
        expect(pausing).toMatchObject({ exitCode: 0, paused: true, remembered: false })
        expect(await queue.isPaused()).toBe(true)
        expect((await runScript('resume', [], env)).stdout).toContain(
          'Resumed, but the database could not be written',
        )
      } finally {
        await database.sql('rollback')
      }
    })
  })

  it('needs no more than the roles of db/roles.sql for all of this', async () => {
    await makeRoles(database.url)
    await insertUsers(database, 2)
    const worker = await start(asRole(database.url, 'auto_enroll_worker'))
    await expect.poll(() => countEnrollments(database)).toBe(2)
    await worker.close()
  })
})

async function ownerName({ link: { client, options } }: EventQueue): Promise<string> {
  if (!('query' in client)) return (await client.hget(`${options.prefix}:identity`, 'name')) ?? ''
  const { rows } = await client.query(`select value from meta where queue = 'auto-enroll'`)
  return rows[0]?.value ?? ''
}

async function forgetOwner({ link: { client, options } }: EventQueue): Promise<void> {
  if ('query' in client) await client.query(`delete from meta where queue = 'auto-enroll'`)
  else await client.del(`${options.prefix}:identity`)
}

describe('a fleet whose Redis loses everything', () => {
  const database = useDatabase()
  let redis: RedisServer

  it('stays paused, and locks nobody out', async () => {
    redis = await startRedis()
    const place = { url: redis.url, prefix: '{auto-enroll}' }
    const queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    const client = new Redis(redis.url)
    const worker = await startTestWorker({
      databaseUrl: database.url,
      queue: place,
      env: { RECONCILE_INTERVAL_MS: '100' },
    })
    try {
      await insertCourses(database, 1)
      await pauseQueue(database.db, queue, ADA)
      const [userId = ''] = await insertUsers(database, 1)
      await client.flushall()
      await queue.add(event(userId))
      await expect.poll(() => queue.isPaused()).toBe(true)
      expect(await countEnrollments(database)).toBe(0)
      await resumeQueue(database.db, queue)
      await expect.poll(() => countEnrollments(database)).toBe(1)
    } finally {
      client.disconnect()
      await worker.close()
      await queue.close()
      await redis.stop()
    }
  })
})
