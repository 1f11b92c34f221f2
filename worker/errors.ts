import { codeOf, isSqlState, safeError } from '../config/safe-error.js'

/** Thrown for a job that cannot be done now; BullMQ retries it. Its message is safe to keep in the queue. */
export class TransientError extends Error {
  override readonly name = 'TransientError'
}

/** Thrown for a job that was waiting when the worker was asked to stop; another worker takes it as it was. */
export class InterruptedError extends TransientError {
  constructor(cause: unknown) {
    super(safeError(cause).message, { cause })
  }
}

/** Thrown for a job that has to wait for others to let go of a lock, where no more jobs can wait in this process. */
export class PutOffError extends TransientError {
  constructor(cause: unknown) {
    super(safeError(cause).message, { cause })
  }
}

/** Thrown for a job that no retry can mend; it fails at once, and is kept. Its message is safe to keep in the queue. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'
}

/**
 * What an error of a statement says about its users and courses:
 * - `refused`: the database never takes one of the rows;
 * - `clash`: another transaction was in the way; the next attempt may work;
 * - `locked`: a row is locked by another session;
 * - `slow`: the statement was ended because it took too long;
 * - `other`: the database may be of no use to anyone, or this is about one of the rows.
 */
export type Fault = 'refused' | 'clash' | 'locked' | 'slow' | 'other'

/**
 * SQLSTATE classes that are about the rows themselves: cardinality, data (a cast, a length, a NUL), integrity
 * constraints, a view's check option, and what a trigger raises. See appendix A of the PostgreSQL manual.
 */
const REFUSED_CLASSES = new Set(['21', '22', '23', '44', 'P0'])

/** Deadlock and serialization failure, and a user or course that was deleted between being read and referred to. */
const CLASH = /^40...$|^23503$/
const LOCK_NOT_AVAILABLE = '55P03'
const QUERY_CANCELED = '57014'
const NOT_NULL_VIOLATION = '23502'

/** node-postgres has no code for it. */
const READ_TIMEOUT = 'Query read timeout'

export function faultOf(error: unknown): Fault {
  const code = codeOf(error)
  if (error instanceof Error && error.message === READ_TIMEOUT) return 'slow'
  if (code === undefined || !isSqlState(code)) return 'other'
  if (CLASH.test(code)) return 'clash'
  if (code === LOCK_NOT_AVAILABLE) return 'locked'
  if (code === QUERY_CANCELED) return 'slow'
  if (code === NOT_NULL_VIOLATION && isOfColumn(error)) return 'other'
  return REFUSED_CLASSES.has(code.slice(0, 2)) ? 'refused' : 'other'
}

/** A column that nobody fills is the schema's fault, which is mended without anyone asking for a retry; a trigger names none. */
function isOfColumn(error: unknown): boolean {
  return typeof (error as { column?: unknown }).column === 'string'
}

export function transient(error: unknown): TransientError {
  return error instanceof TransientError
    ? error
    : new TransientError(safeError(error).message, { cause: error })
}

export function permanent(error: unknown): PermanentError {
  return new PermanentError(safeError(error).message, { cause: error })
}
