import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TOUR } from '../../../scripts/demo/tour.js'
import { insertUsers } from '../../support/application.js'
import { DEMO_LIMIT_MS, told, useDemo } from '../../support/demo.js'
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

  /** What is in the servers and on the machine when no demo runs. */
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

  it('takes the tour with the queue on Redis, and tells programs of it', async () => {
    const { exitCode, stdout } = await demos.start(['--once', '--json'], onRedis())
    const { ok, steps } = JSON.parse(stdout)
    expect(steps).toMatchObject(TOUR.map(({ name }) => ({ name, ok: true })))
    expect({ ok, exitCode }).toEqual({ ok: true, exitCode: 0 })
    expect(steps.at(-1).facts).toMatchObject({ users: 9, enrollments: 17, missing: 0, duplicates: 0 })
    expect(await everything()).toEqual(AS_BEFORE)
  })

  it('takes it with the queue on Postgres, and exits 1 when the database is not as promised', async () => {
    const demo = demos.start(['--once'], onPostgres())
    await told(demo, '✓ Backfill')
    await database.sql(
      `update auto_enroll_demo."Enrollment" set status = 'left' where id = 'enrollment-by-hand'`,
    )
    const { exitCode, stdout } = await demo
    expect(stdout.match(/^✓/gm)).toHaveLength(TOUR.length - 1)
    expect(stdout).toMatch(/^✗ Final check .* CHANGED$/m)
    expect(stdout).toContain('The final check does not hold; not as promised: Final check.')
    expect(exitCode).toBe(1)
    expect(await everything()).toEqual(AS_BEFORE)
  })

  it('leaves nothing behind when Ctrl-C is pressed again and again in the middle', async () => {
    const demo = demos.start([], onRedis())
    await told(demo, '✓ Backfill')
    await expect.poll(() => demo.kill('SIGINT'), { interval: 100, timeout: 30_000 }).toBe(false)
    expect((await demo).exitCode).toBe(1)
    expect(await everything()).toEqual(AS_BEFORE)
  })

  it('stays for whoever wants to look, on another port where 4000 is in use, until Ctrl-C', async () => {
    const other = createServer().listen(4000, '127.0.0.1')
    // Where somebody else has it already, that will do.
    other.on('error', () => undefined)
    const demo = demos.start([], onRedis())
    const output = await told(demo, 'Ctrl-C ends the demo')
    const [, url = ''] = /Now it is yours: (\S+)/.exec(output) ?? []
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
