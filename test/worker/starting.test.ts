import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { pendingMigrations } from '../../db/own-schema.js'
import type { RunningWorker } from '../../worker/run.js'
import { asRole, makeRoles } from '../faults/roles.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { makeGate } from '../support/gate.js'
import { startPgBouncer } from '../support/pgbouncer.js'
import { startScript } from '../support/process.js'
import { useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

describe('a worker that starts', () => {
  const owned = useDatabase()
  const restricted = useDatabase()
  const away = useDatabase()
  const pooled = useDatabase()
  const queue = () => ({ url: inject('redisUrl'), prefix: `{test-${randomBytes(6).toString('hex')}}` })

  async function start(databaseUrl: string): Promise<RunningWorker> {
    const worker = await startTestWorker({
      databaseUrl,
      queue: queue(),
      env: { RECONCILE_INTERVAL_MS: '100' },
    })
    closing.push(worker.close)
    return worker
  }

  it('brings the schema auto_enroll up to date by itself where its role may', async () => {
    await owned.sql('drop schema auto_enroll cascade')
    await insertCourses(owned, 1)
    await insertUsers(owned, 3)
    await start(owned.url)
    await expect.poll(() => countEnrollments(owned)).toBe(3)
    expect(await pendingMigrations(owned.db)).toEqual([])
  })

  it('ends with 2 and the SQL to run where its role may not, and starts once that was run', async () => {
    await makeRoles(restricted.url)
    await restricted.sql('drop schema auto_enroll cascade')
    const { url, prefix } = queue()
    const env = {
      DATABASE_URL: asRole(restricted.url, 'auto_enroll_worker'),
      QUEUE_URL: url,
      QUEUE_PREFIX: prefix,
      WORKER_HTTP_PORT: '0',
    }
    const { exitCode, stderr } = await startScript('worker', [], env)
    expect(exitCode, stderr).toBe(2)
    expect(stderr).toContain('npm run migrate')
    expect(stderr).toContain('db/roles.sql')
    await restricted.sql(stderr.slice(stderr.indexOf('begin;')))

    await insertCourses(restricted, 1)
    await insertUsers(restricted, 3)
    const again = startScript('worker', [], env)
    await expect.poll(() => countEnrollments(restricted)).toBe(3)
    again.kill('SIGTERM')
    expect((await again).exitCode).toBe(0)
  })

  it('ends with 2 and the grants where it may not use the schema', async () => {
    await restricted.sql('revoke all on auto_enroll.lease from auto_enroll_worker')
    const { url, prefix } = queue()
    const { exitCode, stderr } = await startScript('worker', [], {
      DATABASE_URL: asRole(restricted.url, 'auto_enroll_worker'),
      QUEUE_URL: url,
      QUEUE_PREFIX: prefix,
      WORKER_HTTP_PORT: '0',
    })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('grant select, insert, update on auto_enroll.lease to auto_enroll_worker;')
  })

  it('waits for a database that is away, and enrolls once it is there', async () => {
    await insertCourses(away, 1)
    await insertUsers(away, 3)
    const gate = await makeGate(away.url)
    closing.push(gate.shut)
    const worker = await start(gate.url)
    expect((await fetch(`${worker.url}/healthz`)).status).toBe(200)
    await gate.open()
    await expect.poll(() => countEnrollments(away)).toBe(3)
  })

  it('migrates, reconciles and enrolls through PgBouncer in transaction mode with one server connection', async () => {
    const pooler = await startPgBouncer(inject('postgresUrl'))
    closing.push(pooler.stop)
    await pooler.command('set default_pool_size = 1')
    await pooled.sql('drop schema auto_enroll cascade')
    await insertCourses(pooled, 1)
    await insertUsers(pooled, 30)
    await Promise.all([1, 2, 3].map(() => start(pooler.through(pooled.url))))
    await expect.poll(() => countEnrollments(pooled)).toBe(30)
    expect(await pendingMigrations(pooled.db)).toEqual([])
    const locks = await pooled.sql(`select pid from pg_locks where locktype = 'advisory' and database =
      (select oid from pg_database where datname = current_database())`)
    expect(locks).toEqual([])
  })
})
