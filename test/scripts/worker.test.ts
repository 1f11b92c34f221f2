import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openQueue } from '../../queue/open.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { logged, type RunningScript, runScript, startScript } from '../support/process.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'

const running = new Set<RunningScript>()
afterEach(() => {
  for (const worker of running) worker.kill('SIGKILL')
  running.clear()
})

function startWorkerProcess(env: Record<string, string>, flags: readonly string[] = []): RunningScript {
  const worker = startScript('worker', flags, { WORKER_HTTP_PORT: '0', ...env })
  running.add(worker)
  return worker
}

describe.each(BACKENDS)('npm run worker, with the queue on %s', (backend) => {
  const database = useDatabase()
  let env: Record<string, string>
  let place: { url: string; prefix: string }

  beforeAll(() => {
    place = queuePlace(backend, database)
    env = { DATABASE_URL: database.url, QUEUE_URL: place.url, QUEUE_PREFIX: place.prefix }
  })
  beforeEach(() => database.sql('truncate "User", "Course", "Enrollment" cascade'))

  it('finishes what is active on SIGTERM under load, abandons nothing and exits 0', async () => {
    await insertCourses(database, 3)
    await insertUsers(database, 3000)
    const worker = startWorkerProcess({ ...env, RECONCILE_INTERVAL_MS: '100', WORKER_CONCURRENCY: '50' }, [
      '--json',
    ])
    await expect.poll(() => countEnrollments(database), { timeout: 20_000 }).toBeGreaterThan(0)
    worker.kill('SIGTERM')
    const { exitCode, stdout, stderr } = await worker
    expect({ exitCode, stdout: JSON.parse(stdout) }).toEqual({ exitCode: 0, stdout: { abandoned: 0 } })
    expect(stderr).toContain('stopped; no job was abandoned')
    expect((await countEnrollments(database)) % 3).toBe(0)
    const queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    expect(await queue.bull().getActiveCount()).toBe(0)
    await queue.bull().obliterate({ force: true })
    await queue.close()
  })

  it('ends at once at a second signal, and says what it abandoned when a lock lasts longer than SHUTDOWN_TIMEOUT_MS', async () => {
    await insertCourses(database, 1)
    await insertUsers(database, 2)
    await database.sql('begin; lock table "Enrollment" in share mode')
    try {
      const patient = startWorkerProcess({ ...env, WORKER_CONCURRENCY: '1', SHUTDOWN_TIMEOUT_MS: '60000' })
      await statementsAreBlocked(1)
      patient.kill('SIGTERM')
      await logged(patient, /^stopping/)
      const secondAt = performance.now()
      // One that comes at once may be the same Ctrl-C, passed on by npm.
      await expect.poll(() => patient.kill('SIGTERM'), { timeout: 15_000 }).toBe(false)
      expect(await patient).toMatchObject({ exitCode: 143 })
      expect(performance.now() - secondAt).toBeLessThan(10_000)

      // It left one job for another worker; its own statement still waits.
      const impatient = startWorkerProcess({ ...env, SHUTDOWN_TIMEOUT_MS: '300' })
      await statementsAreBlocked(2)
      const signalledAt = performance.now()
      impatient.kill('SIGTERM')
      const ended = await impatient
      expect(performance.now() - signalledAt).toBeLessThan(10_000)
      expect(ended).toMatchObject({ exitCode: 1, stdout: 'stopped; 1 abandoned jobs will run again' })
      expect(ended.stderr).toMatch(
        /"abandoned":1,"msg":"stopped before these jobs were finished; they run again"/,
      )
    } finally {
      await database.sql('rollback')
    }
  })

  function statementsAreBlocked(count: number): Promise<void> {
    return expect
      .poll(
        () =>
          database.sql(
            'select 1 from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())',
          ),
        { timeout: 20_000 },
      )
      .toHaveLength(count)
  }
})

describe('npm run worker', () => {
  const database = useDatabase()

  it('names the setting of a port that is in use, and exits 2', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    const port = typeof address === 'object' ? String(address?.port) : ''
    const ran = await runScript('worker', [], {
      DATABASE_URL: database.url,
      QUEUE_URL: database.url,
      WORKER_HTTP_PORT: port,
    })
    taken.close()
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
    expect(ran.stderr).toContain(`WORKER_HTTP_PORT: port ${port} is in use`)
  })

  it('starts while database and queue are away, and still ends on SIGTERM', async () => {
    const worker = startWorkerProcess({
      DATABASE_URL: 'postgres://me:hush@127.0.0.1:1/app',
      QUEUE_URL: 'redis://:hush@127.0.0.1:1',
      SHUTDOWN_TIMEOUT_MS: '500',
    })
    await logged(worker, /trouble/)
    worker.kill('SIGTERM')
    const { exitCode, stderr, stdout } = await worker
    expect(exitCode).toBe(0)
    expect(stdout + stderr).not.toContain('hush')
  })
})
