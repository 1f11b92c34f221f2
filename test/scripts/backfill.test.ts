import { existsSync } from 'node:fs'
import { execa } from 'execa'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openQueue } from '../../queue/open.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { logged, runJson, runScript, startScript } from '../support/process.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const SCRIPT = '/usr/bin/script'

describe.each(BACKENDS)('backfill, with its queue on %s', (backend) => {
  const database = useDatabase()
  let place: { url: string; prefix: string }
  let env: Record<string, string>

  beforeAll(async () => {
    place = queuePlace(backend, database)
    env = { DATABASE_URL: database.url, QUEUE_URL: place.url, QUEUE_PREFIX: place.prefix }
    await insertCourses(database, 2)
  })
  beforeEach(async () => {
    await database.sql('truncate "User", "Enrollment", auto_enroll.pause cascade')
    await insertUsers(database, 7)
    const queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    await queue.bull().obliterate({ force: true })
    await queue.resume().finally(() => queue.close())
  })

  it('says that the users it queued wait for a worker', async () => {
    const ran = await runScript('backfill', [], env)
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toBe(
      '7 users were queued to be enrolled in 2 courses each.\n' +
        'No worker is connected: they are enrolled once one runs (npm run worker).',
    )
    expect(await runJson('backfill', [], env)).toMatchObject({
      users: 7,
      queued: 0,
      workers: 0,
      paused: false,
    })
  })

  it('says all that keeps them from being enrolled', async () => {
    await runScript('pause', [], env)
    const { stdout } = await runScript('backfill', [], { ...env, AUTO_ENROLL_ENABLED: 'false' })
    expect(stdout.split('\n').slice(1)).toEqual([
      'AUTO_ENROLL_ENABLED is false: a worker with this setting takes no jobs.',
      'The queue is paused: npm run resume lets the workers begin.',
      'No worker is connected: they are enrolled once one runs (npm run worker).',
    ])
  })

  it('says nothing of the kind while a worker takes them', async () => {
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place })
    const ran = await runScript('backfill', [], { ...env, LOG_LEVEL: 'warn' })
    await worker.close()
    expect(ran).toMatchObject({ stderr: '', stdout: '7 users were queued to be enrolled in 2 courses each.' })
  })

  it('says that it waits while the queue is full', async () => {
    const running = startScript('backfill', ['--max-pending', '5'], env)
    expect(await logged(running, /the queue is full; waiting for the workers/)).toMatchObject({
      maxPending: 5,
    })
    running.kill('SIGINT')
    expect((await running).exitCode).toBe(1)
  })

  it.runIf(existsSync(SCRIPT))('shows on a terminal what it waits for, and promises no time', async () => {
    const command = `exec ${process.execPath} dist/scripts/backfill.js --max-pending 5`
    const terminal = execa(SCRIPT, ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
      env: { ...env, LOG_LEVEL: 'silent' },
      reject: false,
      timeout: 25_000,
    })
    let shown = ''
    for await (const chunk of terminal.iterable({ from: 'stdout', binary: true })) {
      shown += Buffer.from(chunk as Uint8Array).toString()
      if (/5\/7 users \| the queue is full: waiting for the workers/.test(shown)) break
    }
    terminal.kill('SIGTERM')
    await terminal
    expect(shown).toMatch(/queueing \[.*0% \| 0\/7 users \| nothing yet/)
    expect(shown).toMatch(/71% \| 5\/7 users \| the queue is full: waiting for the workers/)
    expect(shown).not.toMatch(/\D0 ?s left/)
  })
})
