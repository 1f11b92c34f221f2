import { codeOf, isSqlState, safeError } from '../config/safe-error.js'

/** Thrown for a job that cannot be done now; BullMQ retries it. Its message is safe to keep in the queue. */
export class TransientError extends Error {
  override readonly name = 'TransientError'
}

/** Thrown for a job that waited for the database when the worker was told to stop; another worker takes it as it was. */
export class InterruptedError extends TransientError {
  constructor(cause: unknown) {
    super(safeError(cause).message, { cause })
  }
}

/** Thrown for a job that no retry can mend; it fails at once, and is kept. Its message is safe to keep in the queue. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'
}

/**
 * SQLSTATE classes that speak of the rows themselves: cardinality, data (a cast, a length, a NUL), integrity
 * constraints, a view's check option, and what a trigger raises. See appendix A of the PostgreSQL manual.
 */
const ROW_CLASSES = new Set(['21', '22', '23', '44', 'P0'])

/** A user or course went away between being read and being referred to; reading again tells what is left. */
const FOREIGN_KEY_VIOLATION = '23503'

/**
 * Whether an error was caused by one of the rows rather than by the state of things. Everything else (connection,
 * deadlock, serialization, shutdown, timeout, resources, a missing privilege) concerns no job in particular and may pass.
 */
export function isCausedByRow(error: unknown): boolean {
  const code = codeOf(error)
  if (code === undefined || !isSqlState(code) || code === FOREIGN_KEY_VIOLATION) return false
  return ROW_CLASSES.has(code.slice(0, 2))
}

/** What node-postgres says of a connection in words alone. */
const CONNECTION_TROUBLE =
  /^(Query read timeout|timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error)/

/**
 * Whether the database is of no use to any job at present: it cannot be reached, or refuses for a reason that concerns no
 * row (shutdown, resources, a timeout, a lock, a missing privilege). Then waiting is the only cure.
 */
export function isOutage(error: unknown): boolean {
  const code = codeOf(error)
  if (code === undefined) return error instanceof Error && CONNECTION_TROUBLE.test(error.message)
  if (!isSqlState(code)) return true
  return !isCausedByRow(error) && code !== FOREIGN_KEY_VIOLATION
}

export function transient(error: unknown): TransientError {
  return new TransientError(safeError(error).message, { cause: error })
}

export function permanent(error: unknown): PermanentError {
  return new PermanentError(safeError(error).message, { cause: error })
}
