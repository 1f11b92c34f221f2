import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface BenchProcess {
  process: ChildProcess
  pid: number
  stop(): Promise<void>
}

/** Starts a compiled module of this project as a separate process. Its output goes to a file, like a service's. */
export function startProcess(
  module: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  logFile: string,
): BenchProcess {
  const log = openSync(logFile, 'a')
  const child = fork(fileURLToPath(new URL(`../${module}`, import.meta.url)), args, {
    stdio: ['ignore', log, log, 'ipc'],
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
  })
  const exited = once(child, 'exit')
  return {
    process: child,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
