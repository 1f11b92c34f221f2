import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface EmbeddedPostgres {
  /** Superuser's URL of the database `postgres`, on a free port of the loopback interface. */
  url: string
  /** Stops the server and removes its files. */
  stop(): Promise<void>
}

/**
 * Starts an embedded PostgreSQL 18 with an empty cluster in a temporary folder. It outlives neither `stop` nor this
 * process, however that ends.
 *
 * @param flags of the `postgres` program
 * @throws {Error} with the server's own words when it does not start
 */
export async function startEmbeddedPostgres(flags: readonly string[] = []): Promise<EmbeddedPostgres> {
  // Detached, so that Ctrl-C in a terminal reaches this process alone, which then stops the server in its own time.
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
  const url = await Promise.race([
    once(createInterface(keeper.stdout), 'line').then(([line]) => String(line)),
    exited.then(() => Promise.reject(new Error(`the embedded PostgreSQL did not start:\n${errors}`))),
  ])
  exited.catch(() => undefined)
  return {
    url,
    async stop() {
      keeper.stdin.end()
      await exited
    },
  }
}
