import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A worker in a separate process, started like `npm run worker`. */
export interface WorkerProcess {
  pid: number
  /** Everything it has written. */
  output(): string
  /** `GET` on its health server: the status and the body. */
  get(path: '/healthz' | '/readyz' | '/metrics'): Promise<{ status: number; body: string }>
  running(): boolean
  signal(signal: NodeJS.Signals): void
  /** Sends the signal and waits until the process ends. The exit code is `null` if the signal killed it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  exited: Promise<unknown>
}

const PROGRAM = fileURLToPath(new URL('../../dist/scripts/worker.js', import.meta.url))

/** Starts a worker and waits until its health server listens. */
export async function startWorkerProcess(
  env: Readonly<Record<string, string>>,
  nodeFlags: readonly string[] = [],
): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [...nodeFlags, PROGRAM], {
    env: { PATH: process.env.PATH, WORKER_HTTP_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const exited = once(child, 'exit')
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString()
      const [, found] = /"url":"(http:[^"]+)"/.exec(output) ?? []
      if (found !== undefined) resolve(found)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    exited.then(() => reject(new Error(`the worker did not start:\n${output}`)), reject)
  })
  const running = () => child.exitCode === null && child.signalCode === null
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exited,
    async get(path) {
      const response = await fetch(url + path)
      return { status: response.status, body: await response.text() }
    },
    signal: (signal) => child.kill(signal),
    running,
    async stop(signal = 'SIGTERM') {
      if (running()) {
        child.kill(signal)
        await exited
      }
      return child.exitCode
    },
  }
}
