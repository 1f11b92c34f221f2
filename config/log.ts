import { type Logger, pino } from 'pino'
import { safeError } from './safe-error.js'

export type { Logger }

/**
 * The logger of every process: JSON lines on stderr, so that stdout stays free for a command's answer. Errors go
 * through an allow-list (`safeError`), because messages of drivers repeat what they were given.
 */
export function createLog(name: string, level: string): Logger {
  return pino(
    { name, level, serializers: { err: safeError, error: safeError } },
    pino.destination({ dest: 2, sync: true }),
  )
}
