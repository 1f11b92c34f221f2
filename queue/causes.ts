import { createHash } from 'node:crypto'

/** Why jobs failed, without anything personal: what the reasons of similar failures have in common. */
export interface Cause {
  /** Ten hex digits made of the code and the message: names the cause in a URL or a flag. */
  id: string
  /** SQLSTATE or the code of a Node error, where the message has one. */
  code?: string
  message: string
}

const NO_SUCH_USER_YET = 'there is no such user yet'
const MAX_READ_LENGTH = 500
const MAX_MESSAGE_LENGTH = 200

/** The cause in a job's `failedReason`, without anything that differs from job to job or may be personal. */
export function causeOf(failedReason: string | undefined): Cause {
  const message = withoutParticulars(failedReason ?? '')
  const code = codeIn(message)
  const id = createHash('sha256').update(message).digest('hex').slice(0, 10)
  return { id, ...(code === undefined ? {} : { code }), message }
}

/** Whether a job waits for its user to be committed, which is normal. */
export function isMissingUser(cause: Cause): boolean {
  return cause.message.startsWith(NO_SUCH_USER_YET)
}

/**
 * Our own messages name no person, but anything may have failed a job: the beginning of the first line is kept, with emails,
 * quoted values, ids and long numbers replaced. It is cut first, because replacing takes more than linear time.
 */
function withoutParticulars(failedReason: string): string {
  const line = failedReason.slice(0, MAX_READ_LENGTH).split('\n')[0]?.trim() ?? ''
  const message = line
    .replace(/(?<![^\s@<>"'(])[^\s@<>"'(]+@[^\s@<>"')]*/g, '<email>')
    .replace(/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, '<id>')
    .replace(/\b[a-z]*[0-9a-f]{16,}\b/gi, '<id>')
    .replace(/=\([^)]*(?:\)|$)/g, '=(…)')
    .replace(/"[^"]{40,}(?:"|$)/g, '"…"')
    .replace(/\b\d{6,}\b/g, '<number>')
    .slice(0, MAX_MESSAGE_LENGTH)
  return message === '' ? 'no reason was given' : message
}

function codeIn(message: string): string | undefined {
  return (
    /\bSQLSTATE ([0-9A-Z]{5})\b/.exec(message)?.[1] ?? /\b(E[A-Z]{4,}|[A-Z]+_[A-Z_]+)\b/.exec(message)?.[1]
  )
}

/** What a cause means, in an operator's words; or the message itself if it is not a known one. */
export function causeInWords({ code, message }: Cause): string {
  if (/timeout exceeded when trying to connect/i.test(message)) return 'Postgres does not respond in time'
  if (/connection terminated|server closed the connection/i.test(message)) return 'Postgres drops connections'
  if (/job stalled more than allowable limit/i.test(message))
    return 'workers stopped in the middle of these jobs'
  if (message.startsWith('not a user.created event')) return 'the job holds no valid user.created event'
  if (code === undefined) return message
  const words = CODES_IN_WORDS[code]
  if (words === undefined) return message
  const about = /\(([^)]*)\)$/.exec(message)?.[1]
  return about === undefined || code.startsWith('E') ? words : `${words} (${about})`
}

/** Codes of appendix A of the PostgreSQL manual and of Node's network errors. */
const CODES_IN_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Postgres refuses connections',
  ECONNRESET: 'Postgres drops connections',
  ETIMEDOUT: 'Postgres does not respond in time',
  EHOSTUNREACH: 'Postgres cannot be reached',
  ENOTFOUND: 'the name of the Postgres server cannot be resolved',
  EAI_AGAIN: 'the name of the Postgres server cannot be resolved',
  '08006': 'Postgres drops connections',
  '22P02': 'a user id is not of the type of "User"."id"',
  '23502': 'a column without a default must be filled',
  '23503': 'a user or a course went away',
  '23514': 'a check constraint refuses the enrollment',
  '25006': 'Postgres is read-only',
  '28000': 'Postgres refuses the login',
  '28P01': 'Postgres refuses the password',
  '3D000': 'the database does not exist',
  '40001': 'transactions were in each other’s way',
  '40P01': 'transactions were in each other’s way',
  '42501': 'the database user lacks a privilege',
  '42703': 'a column is missing',
  '42P01': 'a table is missing',
  '42P10': 'the unique key on "Enrollment" ("userId", "courseId") is missing',
  '53100': 'the disk of Postgres is full',
  '53200': 'Postgres is out of memory',
  '53300': 'Postgres has no connection left',
  '57014': 'a statement took too long',
  '57P01': 'Postgres is shutting down',
  '57P03': 'Postgres is starting or shutting down',
  P0001: 'a trigger refuses the enrollment',
}
