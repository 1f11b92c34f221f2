import { createLog, type Logger } from '../../config/log.js'
import type { SettingName, Settings } from '../../config/settings.js'
import { connectDatabase } from '../../db/connect.js'
import type { Database } from '../../db/schema.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { explainTrouble } from '../../queue/trouble.js'

/** What a command works with. */
export interface Context<Needed extends SettingName = never> {
  settings: Settings & { readonly [Name in Needed]-?: NonNullable<Settings[Name]> }
  log: Logger
  /** Whether a program reads the output (`--json`). */
  json: boolean
  /** Opens the application's database; closed when the command ends. */
  database(url: string): Database
  /** Opens the queue; closed when the command ends. */
  queue(url: string): EventQueue
  /**
   * Aborted by the first SIGINT or SIGTERM; a second one ends the process at once. The first one ends a command that never
   * reads this.
   */
  readonly signal: AbortSignal
}

/** A context, and what the command does with it when it ends. */
export interface OpenContext<Needed extends SettingName> {
  context: Context<Needed>
  /** What an error of the command means, given what happened on its connections. */
  explain(error: unknown): unknown
  close(): Promise<unknown>
}

/** How long a command waits for a queue that does not respond. */
const QUEUE_TIMEOUT_MS = 4000
/** Under npm, a command gets Ctrl-C twice: from the terminal, and a moment later from npm. */
const SAME_PRESS_MS = 500

export function openContext<Needed extends SettingName>(
  settings: Context<Needed>['settings'],
  { name, mustCleanUp = false }: { name: string; mustCleanUp?: boolean },
  json: boolean,
): OpenContext<Needed> {
  const log = createLog(name, settings.LOG_LEVEL)
  const closing: (() => Promise<void>)[] = []
  const explaining: ((error: unknown) => unknown)[] = [explainSilence]
  let signal: AbortSignal | undefined
  return {
    context: {
      settings,
      log,
      json,
      get signal() {
        signal ??= abortOnSignal(mustCleanUp)
        return signal
      },
      database(url) {
        const db = connectDatabase(url, { applicationName: `auto-enroll ${name}`, queryTimeoutMs: 0 })
        closing.push(() => db.destroy())
        return db
      },
      queue(url) {
        const queue = openQueue({
          url,
          prefix: settings.QUEUE_PREFIX,
          partitions: settings.QUEUE_PARTITIONS,
          timeoutMs: QUEUE_TIMEOUT_MS,
          onError: (error) => log.debug({ err: error }, 'the queue is in trouble'),
        })
        closing.push(() => queue.close())
        explaining.push(explainTrouble(queue.link))
        return queue
      },
    },
    explain(error) {
      if (signal?.aborted) return signal.reason
      return explaining.reduce((explained, explain) => explain(explained), error)
    },
    close: () => Promise.allSettled(closing.map((close) => close())),
  }
}

/** The driver's own message does not say which server was silent. */
function explainSilence(error: unknown): unknown {
  return error instanceof Error &&
    /timeout exceeded when trying to connect|due to connection timeout|^timeout expired$/.test(error.message)
    ? Object.assign(new Error('Postgres does not answer', { cause: error }), { code: 'ETIMEDOUT' })
    : error
}

function abortOnSignal(mustCleanUp: boolean): AbortSignal {
  const controller = new AbortController()
  let abortedAt = 0
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) {
        abortedAt = performance.now()
        controller.abort(new Error(`interrupted by ${signal}`))
      } else if (!mustCleanUp && performance.now() - abortedAt > SAME_PRESS_MS) process.exit(128 + number)
    })
  }
  return controller.signal
}
