import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'

const run = promisify(execFile)

const HOW_TO_INSTALL =
  'The tests need a real redis-server (6.2 or newer) on the PATH. Install it: ' +
  '"sudo apt-get install redis-server" on Debian or Ubuntu, "brew install redis" on macOS, "dnf install redis" on Fedora.'

/** Installs `redis-server` where it can (Debian or Ubuntu as root), else says how to. */
export async function ensureRedisServer(): Promise<void> {
  if (await onPath('redis-server')) return
  if (process.getuid?.() !== 0 || !(await onPath('apt-get'))) throw new Error(HOW_TO_INSTALL)
  process.stderr.write('redis-server is missing; installing it with apt-get …\n')
  // RUNLEVEL=1 keeps the package from starting a server of its own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  try {
    await run('apt-get', ['update', '-q'], { env })
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'redis-server'], { env })
  } catch (error) {
    throw new Error(`apt-get could not install redis-server. ${HOW_TO_INSTALL}`, { cause: error })
  }
  if (!(await onPath('redis-server'))) throw new Error(HOW_TO_INSTALL)
}

async function onPath(program: string): Promise<boolean> {
  const tries = (process.env.PATH ?? '').split(delimiter).map((folder) => access(join(folder, program)))
  return (await Promise.allSettled(tries)).some((found) => found.status === 'fulfilled')
}

export interface RedisServer {
  url: string
  port: number
  process: ChildProcess
  /** Ends it, by default as an orderly shutdown does, and removes its files unless they are wanted for a restart. */
  stop(signal?: NodeJS.Signals): Promise<void>
  freeze(): void
  thaw(): void
}

export interface RedisOptions {
  port?: number
  flags?: readonly string[]
}

/** Starts a real Redis on a free port of the loopback interface, without persistence unless `flags` say otherwise. */
export async function startRedis({ port, flags = [] }: RedisOptions = {}): Promise<RedisServer> {
  const chosen = port ?? (await freePort())
  const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-redis-'))
  const server = spawn(
    'redis-server',
    [
      '--port',
      String(chosen),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
      ...flags,
    ],
    { stdio: 'ignore' },
  )
  const exited = once(server, 'exit')
  await ready(chosen)
  return {
    url: `redis://127.0.0.1:${chosen}`,
    port: chosen,
    process: server,
    async stop(signal = 'SIGTERM') {
      server.kill('SIGCONT')
      server.kill(signal)
      await exited
      await rm(folder, { recursive: true, force: true })
    },
    freeze: () => server.kill('SIGSTOP'),
    thaw: () => server.kill('SIGCONT'),
  }
}

async function ready(port: number): Promise<void> {
  const client = new Redis({ port, lazyConnect: true, maxRetriesPerRequest: null, retryStrategy: () => 20 })
  client.on('error', () => undefined)
  try {
    await client.ping()
  } finally {
    client.disconnect()
  }
}

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free')
  return address.port
}
