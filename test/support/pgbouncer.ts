import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { vi } from 'vitest'
import type { Program } from './programs.js'
import { freePort } from './redis-server.js'

export const PGBOUNCER: Program = {
  name: 'pgbouncer',
  debianPackage: 'pgbouncer',
  howToInstall:
    'The tests need a real pgbouncer (1.18 or newer) on the PATH: "sudo apt-get install pgbouncer".',
}

export interface PgBouncer {
  /** The URL of the same database through the pooler. */
  through(url: string): string
  /** Runs a command of its admin console, such as `RECONNECT`. */
  command(text: string): Promise<void>
  stop(): Promise<void>
}

/** A PgBouncer in transaction mode that ignores startup options, in front of the server of `serverUrl`. */
export async function startPgBouncer(serverUrl: string): Promise<PgBouncer> {
  const server = new URL(serverUrl)
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-pgbouncer-'))
  const file = join(folder, 'pgbouncer.ini')
  await writeFile(
    file,
    `[databases]
* = host=${server.hostname} port=${server.port} user=${server.username} password=${server.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
admin_users = pgbouncer
pool_mode = transaction
ignore_startup_parameters = extra_float_digits,options
`,
  )
  await chmod(folder, 0o755)
  // It refuses to run as root.
  const flags = process.getuid?.() === 0 ? ['-u', 'nobody', file] : [file]
  const bouncer = spawn('pgbouncer', flags, { stdio: 'ignore' })
  const consoleUrl = `postgres://pgbouncer@127.0.0.1:${port}/pgbouncer`
  const command = async (text: string) => {
    const client = new pg.Client(consoleUrl)
    await client.connect()
    await client.query(text).finally(() => client.end())
  }
  await vi.waitFor(() => command('show version'), 10_000)
  return {
    command,
    through(url) {
      const address = new URL(url)
      address.host = `127.0.0.1:${port}`
      return address.href
    },
    async stop() {
      await end(bouncer)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function end(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  const exited = once(process, 'exit')
  process.kill('SIGTERM')
  await exited
}
