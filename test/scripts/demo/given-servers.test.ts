import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TOUR } from '../../../scripts/demo/tour.js'
import { insertUsers } from '../../support/application.js'
import { DEMO_LIMIT_MS, untilPrinted, useDemo } from '../../support/demo.js'
import { useDatabase } from '../../support/servers.js'

describe('the demo on given servers', { timeout: DEMO_LIMIT_MS }, () => {
  const database = useDatabase()
  const demos = useDemo()
  let redis: Redis

  beforeAll(async () => {
    redis = new Redis(onRedis().QUEUE_URL)
    await redis.set('{auto-enroll}:user-created:id', '1')
    await insertUsers(database, 3)
  })
  afterAll(() => redis.disconnect())

  const onRedis = () => ({ DATABASE_URL: database.url, QUEUE_URL: `${inject('redisUrl')}/5` })
  const onPostgres = () => ({ DATABASE_URL: database.url, QUEUE_URL: database.url })

  /** What is on the servers and on this machine. */
  async function everything() {
    const [users] = await database.sql('select count(*)::int as count from "User"')
    return {
      ...(await demos.leftovers()),
      schemas: await database.sql(`select nspname from pg_namespace where nspname like '%auto_enroll_demo%'`),
      keys: await redis.keys('*'),
      users: users?.count,
    }
  }
  const AS_BEFORE = {
    files: [],
    processes: [],
    schemas: [],
    keys: ['{auto-enroll}:user-created:id'],
    users: 3,
  }

  it('runs the tour with the queue on Redis and prints it as JSON', async () => {
    const { exitCode, stdout } = await demos.start(['--once', '--json'], onRedis())
    const { ok, steps } = JSON.parse(stdout)
    expect(steps).toMatchObject(TOUR.map(({ name }) => ({ name, ok: true })))
    expect({ ok, exitCode }).toEqual({ ok: true, exitCode: 0 })
    expect(steps.at(-1).facts).toMatchObject({ users: 9, enrollments: 17, missing: 0, duplicates: 0 })
    expect(await everything()).toEqual(AS_BEFORE)
  })

  it('runs it with the queue on Postgres, and exits 1 when the database is not as promised', async () => {
    const demo = demos.start(['--once'], onPostgres())
    await untilPrinted(demo, '✓ Backfill')
    await database.sql(
      `update auto_enroll_demo."Enrollment" set status = 'left' where id = 'enrollment-by-hand'`,
    )
    const { exitCode, stdout } = await demo
    expect(stdout.match(/^✓/gm)).toHaveLength(TOUR.length - 1)
    expect(stdout).toMatch(/^✗ Final check .* CHANGED$/m)
    expect(stdout).toContain('The final check failed. Steps that went wrong: Final check.')
    expect(exitCode).toBe(1)
    expect(await everything()).toEqual(AS_BEFORE)
  })

  it('leaves nothing behind when Ctrl-C is pressed again and again in the middle', async () => {
    const demo = demos.start([], onRedis())
    await untilPrinted(demo, '✓ Backfill')
    await expect.poll(() => demo.kill('SIGINT'), { interval: 100, timeout: 30_000 }).toBe(false)
    expect((await demo).exitCode).toBe(1)
    expect(await everything()).toEqual(AS_BEFORE)
  })

  it('stays open until Ctrl-C, on another port if 4000 is in use', async () => {
    const other = createServer().listen(4000, '127.0.0.1')
    // If another process has it already, that is just as good.
    other.on('error', () => undefined)
    const demo = demos.start([], onRedis())
    const output = await untilPrinted(demo, 'Press Ctrl-C to stop the demo')
    const [, url = ''] = /Your turn: (\S+)/.exec(output) ?? []
    expect(output).toContain('Port 4000 is in use')
    expect(output).not.toContain('✗')
    expect(await (await fetch(url)).text()).toContain('Katherine Johnson')
    demo.kill('SIGINT')
    const { exitCode, stderr } = await demo
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(await everything()).toEqual(AS_BEFORE)
    other.close()
  })
})
