import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openQueue } from '../../queue/open.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { event } from '../support/event.js'
import { freePort } from '../support/redis-server.js'
import { queuePlace, useDatabase } from '../support/servers.js'

const USERS = 1500
/** On a machine that is busy. */
vi.setConfig({ testTimeout: 60_000 })

/** A pipe with a reader that reads only what it is asked to; it holds 64 kB. */
function makePipe() {
  const folder = mkdtempSync(join(tmpdir(), 'auto-enroll-pipe-'))
  const path = join(folder, 'stderr')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  const buffer = Buffer.alloc(100_000)
  let text = ''
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return {
    writer,
    /** Everything that was written so far. */
    read(): string {
      try {
        for (let size = 1; size > 0; ) {
          size = readSync(reader, buffer)
          text += buffer.toString('utf8', 0, size)
        }
      } catch {
        // Nothing more at present.
      }
      return text
    },
    stopReading: () => closeSync(reader),
  }
}

describe('a process whose log cannot be written', () => {
  const database = useDatabase()
  const place = () => queuePlace('redis', database)
  beforeAll(() => insertCourses(database, 1))

  async function start(
    name: string,
    stdio: { stdout: 'ignore' | number; stderr: number },
    env: Record<string, string>,
  ) {
    const child = spawn(process.execPath, [`dist/scripts/${name}.js`], {
      env: { PATH: process.env.PATH ?? '', DATABASE_URL: database.url, ...env },
      stdio: ['ignore', stdio.stdout, stdio.stderr],
    })
    const exited = once(child, 'exit') as Promise<[number | null]>
    onTestFinished(() => void child.kill('SIGKILL'))
    return {
      /** How it exits when it is asked to stop. */
      async stop() {
        child.kill('SIGTERM')
        return (await exited)[0]
      },
    }
  }

  /** Starts a worker and lets it enroll many users. */
  async function enrollMany(stderr: number, stdout: 'ignore' | number = 'ignore') {
    const [{ url, prefix }, port] = [place(), String(await freePort())]
    const queue = openQueue({ url, prefix, timeoutMs: 5000, onError: () => undefined })
    onTestFinished(() => queue.close())
    const before = await countEnrollments(database)
    const userIds = await insertUsers(database, USERS)
    await queue.addMany(userIds.map((userId) => event(userId)))
    const worker = await start(
      'worker',
      { stdout, stderr },
      { QUEUE_URL: url, QUEUE_PREFIX: prefix, WORKER_HTTP_PORT: port },
    )
    await expect.poll(() => countEnrollments(database), { timeout: 25_000 }).toBe(before + USERS)
    const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    return { ...worker, metrics }
  }

  it('enrolls everyone while nobody reads the log, and says later how much of it was lost', async () => {
    const pipe = makePipe()
    const worker = await enrollMany(pipe.writer)
    await expect.poll(worker.metrics).toMatch(/^auto_enroll_log_lines_lost_total [1-9]\d*$/m)
    await expect
      .poll(pipe.read)
      .toMatch(/"lines":[1-9]\d*,"msg":"the log works again; these lines of it were lost"/)
    expect(await worker.stop()).toBe(0)
    const lines = pipe.read().trim().split('\n')
    expect(lines.map((line) => JSON.parse(line)).at(-1)).toMatchObject({
      msg: 'stopped; no job was abandoned',
    })
  })

  it('ends in time while nobody reads the log and its result, which go the same way', async () => {
    const { writer } = makePipe()
    const worker = await enrollMany(writer, writer)
    expect(await worker.stop()).toBe(0)
  })

  it('enrolls everyone after the reader of the log has gone', async () => {
    const pipe = makePipe()
    pipe.stopReading()
    const worker = await enrollMany(pipe.writer)
    expect(await worker.stop()).toBe(0)
  })

  it('enrolls everyone while the disk is full', async () => {
    const worker = await enrollMany(openSync('/dev/full', 'w'))
    expect(await worker.stop()).toBe(0)
  })

  it('serves the dashboard while the disk is full', async () => {
    const port = String(await freePort())
    const { url, prefix } = place()
    const env = { QUEUE_URL: url, QUEUE_PREFIX: prefix, DASHBOARD_PORT: port, LOG_LEVEL: 'trace' }
    const dashboard = await start('dashboard', { stdout: 'ignore', stderr: openSync('/dev/full', 'w') }, env)
    const status = async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.status
    await expect.poll(status).toBe(200)
    expect(await dashboard.stop()).toBe(0)
  })

  it('fails a command whose result finds the disk full, and says so', () => {
    const { url, prefix } = place()
    const env = {
      PATH: process.env.PATH ?? '',
      DATABASE_URL: database.url,
      QUEUE_URL: url,
      QUEUE_PREFIX: prefix,
    }
    const { status, stderr } = spawnSync(process.execPath, ['dist/scripts/verify.js', '--json'], {
      env,
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'the result could not be written: ENOSPC\n' })
  })
})
