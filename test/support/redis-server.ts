import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, ReplyError } from 'ioredis'
import type { Program } from './programs.js'

export const REDIS_SERVER: Program = {
  name: 'redis-server',
  debianPackage: 'redis-server',
  howToInstall:
    'The tests need a real redis-server (6.2 or newer) on the PATH. Install it: "sudo apt-get install redis-server" on ' +
    'Debian or Ubuntu, "brew install redis" on macOS, "dnf install redis" on Fedora.',
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
  } catch (error) {
    // A server that asks for a password is up.
    if (!(error instanceof ReplyError)) throw error
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
