import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface SignUpsOptions {
  databaseUrl: string
  queueUrl: string
  prefix: string
  timeoutMs: number
  enabled: boolean
  perSecond: number
  /** Part of every name, email and password, so that a leak can be found anywhere. */
  mark: string
  /** The process kills itself after committing this sign-up and before publishing it. */
  diesBeforePublishing?: number
  nodeFlags?: readonly string[]
}

/** One sign-up. `not committed`: the database refused, so there is no user. */
export interface SignUpReport {
  outcome: 'signed up' | 'not committed' | 'failed'
  reason?: string
  publish: string
  publishMs: number
  /** How much longer publishing took than a plain timer of `timeoutMs`. */
  overdueMs: number
}

export interface SignUps {
  reports: readonly SignUpReport[]
  output(): string
  signal(signal: NodeJS.Signals): void
  /** Lets active sign-ups finish. The exit code is 0 unless something was thrown outside any sign-up. */
  stop(): Promise<number | null>
  /** Resolves when it has ended by itself. */
  ended: Promise<unknown>
}

/** Starts a process that signs people up. */
export function startSignUps(options: SignUpsOptions): SignUps {
  const child = fork(
    fileURLToPath(new URL('./dist/processes/sign-up.js', import.meta.url)),
    [JSON.stringify(options)],
    { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [...(options.nodeFlags ?? [])] },
  )
  const reports: SignUpReport[] = []
  let output = ''
  child.on('message', (report) => reports.push(report as SignUpReport))
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const ended = once(child, 'exit')
  return {
    reports,
    output: () => output,
    ended,
    signal: (signal) => child.kill(signal),
    async stop() {
      if (child.connected) child.send('stop')
      await ended
      return child.exitCode
    },
  }
}
