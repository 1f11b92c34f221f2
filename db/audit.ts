import { type RawBuilder, type Sql, sql } from 'kysely'
import { codeOf } from '../config/safe-error.js'
import { boundedTransaction } from './bounded.js'
import type { Database } from './schema.js'

/** What operators can do. Each is recorded when it begins, and its result when it ends. */
const AUDITED_ACTIONS = [
  'pause',
  'resume',
  'remove-limits',
  'backfill',
  'retry-failed',
  'stop',
  'enroll',
  'rollback',
  'jobs',
] as const
export type AuditedAction = (typeof AUDITED_ACTIONS)[number]

export interface AuditEvent {
  who: string
  /** Where they did it: the operators' page, the jobs page, or a command. */
  through: 'page' | 'jobs' | 'command'
  action: AuditedAction
  /** What it was done to: a user id, a cause, a window of time. Never personal data. */
  target?: string
}

export interface AuditEntry extends AuditEvent {
  id: string
  at: Date
  /** How far a long action had got, in words. */
  progress?: string
  /** The result in words; none while the action runs, and none ever if its process was killed. */
  result?: string
  succeeded?: boolean
  /** Whether it has no result and its process has not been heard of for half a minute. */
  isCutOff: boolean
}

/** The schema `auto_enroll` lacks the audit log, or has an earlier version of it. */
export class NoAuditTable extends Error {
  override readonly name = 'NoAuditTable'

  constructor() {
    super('the audit log is missing or out of date; npm run migrate creates it')
  }
}

const READ_TIMEOUT_MS = 3000

/**
 * The latest entries, the newest first.
 *
 * @throws {NoAuditTable}
 */
export async function readAudit(db: Database, limit: number): Promise<AuditEntry[]> {
  return entries(db, sql`order by id desc limit ${sql.lit(limit)}`)
}

/**
 * Who last paused or resumed the queue, as far as it was recorded.
 *
 * @throws {NoAuditTable}
 */
export async function lastPauseOrResume(db: Database): Promise<AuditEntry | undefined> {
  // A rollback that was interrupted has paused the queue all the same, and its result says so.
  const [last] = await entries(
    db,
    sql`
      where action in ('pause', 'resume') and succeeded is not false
        or action = 'rollback' and (succeeded is not false or result like '%queue is paused%')
      order by id desc limit 1
    `,
  )
  return last
}

/** What came of an action, or how far it has got. */
export function outcomeInWords({ result, progress, isCutOff }: AuditEntry): string {
  if (result !== undefined) return result
  if (!isCutOff) return progress === undefined ? 'in progress' : `in progress: ${progress}`
  return progress === undefined
    ? 'cut off: no result was recorded'
    : `cut off; the last that is known: ${progress}`
}

/**
 * Runs one statement on the audit log, for at most `timeoutMs`.
 *
 * @throws {NoAuditTable}
 */
export async function onAuditLog<Row>(
  db: Database,
  timeoutMs: number,
  statement: RawBuilder<Row>,
): Promise<Row[]> {
  try {
    return await boundedTransaction(db, timeoutMs, async (tx) => (await statement.execute(tx)).rows)
  } catch (error) {
    throw MISSING.includes(codeOf(error) ?? '') ? new NoAuditTable() : error
  }
}

/** SQLSTATEs of a table, a schema and a column that do not exist. */
const MISSING = ['42P01', '3F000', '42703']

interface EntryRow extends Record<'id' | 'who' | 'through' | 'action', string> {
  at: Date
  target: string | null
  progress: string | null
  result: string | null
  succeeded: boolean | null
  isCutOff: boolean
}

async function entries(db: Database, which: ReturnType<Sql>): Promise<AuditEntry[]> {
  const rows = await onAuditLog<EntryRow>(
    db,
    READ_TIMEOUT_MS,
    sql`
      select id::text as id, at, who, "through", action, target, progress, result, succeeded,
        result is null and coalesce(seen_at, at) < now() - interval '30 seconds' as "isCutOff"
      from auto_enroll.audit ${which}
    `,
  )
  return rows.map(entryOf)
}

function entryOf({ target, progress, result, succeeded, ...row }: EntryRow): AuditEntry {
  return {
    ...(row as Pick<AuditEntry, 'id' | 'who' | 'through' | 'action' | 'at' | 'isCutOff'>),
    ...(target === null ? {} : { target }),
    ...(progress === null ? {} : { progress }),
    ...(result === null ? {} : { result }),
    ...(succeeded === null ? {} : { succeeded }),
  }
}
