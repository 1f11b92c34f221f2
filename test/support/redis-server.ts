import { spawn } from 'node:child_process'
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
  /** Its process id; a new one after each `start`. */
  pid(): number | undefined
  /** Where it keeps its files. */
  folder: string
  /** Stops it, by default with an orderly shutdown, and removes its files. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Kills it, like a crash, and keeps its files. */
  kill(): Promise<void>
  /** Starts it again after `kill`, on the same port with the same files. */
  start(): Promise<void>
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
  const where = ['--port', String(chosen), '--bind', '127.0.0.1', '--dir', folder]
  const settings = [...where, '--save', '', '--appendonly', 'no', ...flags]
  let server = spawn('redis-server', settings, { stdio: 'ignore' })
  await ready(chosen)

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill('SIGCONT')
    server.kill(signal)
    await exited
  }

  return {
    url: `redis://127.0.0.1:${chosen}`,
    port: chosen,
    pid: () => server.pid,
    folder,
    async stop(signal = 'SIGTERM') {
      await end(signal)
      await rm(folder, { recursive: true, force: true })
    },
    kill: () => end('SIGKILL'),
    async start() {
      server = spawn('redis-server', settings, { stdio: 'ignore' })
      await ready(chosen)
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
    // A server that asks for a password is running.
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
