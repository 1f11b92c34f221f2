import { type Logger, pino } from 'pino'
import { type LogOutput, openLogOutput } from './log-output.js'
import { safeError } from './safe-error.js'

export type { Logger }

const outputs = new WeakMap<Logger, LogOutput>()

/**
 * The logger of every process: JSON lines on stderr, so that stdout stays free for a command's result. Errors go through an
 * allow-list (`safeError`), because messages of drivers repeat what they were given.
 */
export function createLog(name: string, level: string): Logger {
  const output = openLogOutput((lines) =>
    log.warn({ lines }, 'the log works again; these lines of it were lost'),
  )
  const log = pino({ name, level, serializers: { err: safeError, error: safeError } }, output)
  outputs.set(log, output)
  return log
}

/** Number of lines lost so far. */
export function lostLines(log: Logger): number {
  return outputs.get(log)?.lost() ?? 0
}
