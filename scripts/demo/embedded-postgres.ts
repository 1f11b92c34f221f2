import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface EmbeddedPostgres {
  /** Superuser's URL of the database `postgres`, on a free port of the loopback interface. */
  url: string
  /** The server's process id; a new one after each restart. */
  pid(): number
  /** Restarts it in immediate mode, like a crash: sessions break, and committed data is recovered. */
  restart(): Promise<void>
  /** Stops the server and removes its files. */
  stop(): Promise<void>
}

/**
 * Starts an embedded PostgreSQL 18 with an empty cluster in a temporary folder. It ends with `stop` or with this process,
 * even if the process is killed.
 *
 * @param flags for the `postgres` program
 * @throws {Error} with the server's own message when it does not start
 */
export async function startEmbeddedPostgres(flags: readonly string[] = []): Promise<EmbeddedPostgres> {
  // Detached, so that Ctrl-C in a terminal reaches only this process, which stops the server when it is ready to.
  const keeper = spawn(
    process.execPath,
    [fileURLToPath(new URL('./postgres-server.js', import.meta.url)), ...flags],
    {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
  const exited = once(keeper, 'exit')
  let errors = ''
  keeper.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000)
  })
  const failed = exited.then(() =>
    Promise.reject(new Error(`the embedded PostgreSQL did not start:\n${errors}`)),
  )
  failed.catch(() => undefined)
  const lines = createInterface(keeper.stdout)[Symbol.asyncIterator]()
  const nextLine = async (): Promise<string> => (await Promise.race([lines.next(), failed])).value ?? ''
  const url = await nextLine()
  let pid = Number(await nextLine())
  return {
    url,
    pid: () => pid,
    async restart() {
      keeper.stdin.write('restart\n')
      pid = Number(await nextLine())
    },
    async stop() {
      keeper.stdin.end()
      await exited
    },
  }
}
