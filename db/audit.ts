import { type RawBuilder, sql } from 'kysely'
import { codeOf } from '../config/safe-error.js'
import type { Database } from './schema.js'

/** What operators can do; each is written down when it begins, and its result when it ends. */
const AUDITED_ACTIONS = [
  'pause',
  'resume',
  'remove-limits',
  'backfill',
  'retry-failed',
  'enroll',
  'rollback',
  'jobs',
] as const
export type AuditedAction = (typeof AUDITED_ACTIONS)[number]

export interface AuditEvent {
  who: string
  /** Where they did it: the operators' page, the page of the jobs, or a command. */
  through: 'page' | 'jobs' | 'command'
  action: AuditedAction
  /** What it was done to: a user id, a cause, a window of time. Never personal data. */
  target?: string
}

export interface AuditEntry extends AuditEvent {
  id: string
  at: Date
  /** What came of it, in words; none while it is under way, and none for ever when the process was killed. */
  result?: string
  succeeded?: boolean
}

/** What came of an action. */
export interface Ended {
  result: string
  succeeded: boolean
}

/** The schema `auto_enroll` was not made: nothing is written down until `npm run migrate` has run. */
export class NoAuditTable extends Error {
  override readonly name = 'NoAuditTable'

  constructor() {
    super('the audit log does not exist; npm run migrate makes it')
  }
}

/**
 * Writes down what somebody begins, and gives what writes down how it ended. Never rejects: what cannot be written down is
 * done all the same, or nobody could pause while the database is away; `onUnwritten` is told.
 */
export async function writeDown(
  db: Database,
  event: AuditEvent,
  onUnwritten: (error: unknown) => void,
): Promise<(ended: Ended) => Promise<void>> {
  const id = await beginAudit(db, event).catch((error: unknown) => {
    onUnwritten(error)
    return undefined
  })
  return async (ended) => {
    if (id !== undefined) await endAudit(db, id, ended).catch(onUnwritten)
  }
}

/**
 * The latest entries, the newest first.
 *
 * @throws {NoAuditTable}
 */
export async function readAudit(db: Database, limit: number): Promise<AuditEntry[]> {
  const rows = await onAudit<EntryRow>(db, sql`${ENTRIES} order by id desc limit ${sql.lit(limit)}`)
  return rows.map(entryOf)
}

/**
 * Who last paused or resumed the queue, as far as it was written down.
 *
 * @throws {NoAuditTable}
 */
export async function lastPauseOrResume(db: Database): Promise<AuditEntry | undefined> {
  const rows = await onAudit<EntryRow>(
    db,
    sql`${ENTRIES} where action in ('pause', 'resume', 'rollback') and succeeded is not false order by id desc limit 1`,
  )
  return rows.map(entryOf)[0]
}

/**
 * Writes down that an action begins.
 *
 * @returns the entry's id, for `endAudit`
 * @throws {NoAuditTable}
 */
async function beginAudit(db: Database, { who, through, action, target }: AuditEvent): Promise<string> {
  const rows = await onAudit<{ id: string }>(
    db,
    sql`
      insert into auto_enroll.audit (who, "through", action, target)
      values (${who}, ${through}, ${action}, ${target ?? null}) returning id::text as id
    `,
  )
  return rows[0]?.id ?? ''
}

/** Writes down what came of an action. */
async function endAudit(db: Database, id: string, { result, succeeded }: Ended): Promise<void> {
  await onAudit(
    db,
    sql`
      update auto_enroll.audit set result = ${result}, succeeded = ${succeeded}, finished_at = now()
      where id = ${id}::bigint
    `,
  )
}

interface EntryRow extends Record<'id' | 'who' | 'through' | 'action', string> {
  at: Date
  target: string | null
  result: string | null
  succeeded: boolean | null
}

const ENTRIES = sql`select id::text as id, at, who, "through", action, target, result, succeeded from auto_enroll.audit`

function entryOf({ target, result, succeeded, ...row }: EntryRow): AuditEntry {
  return {
    ...(row as Pick<AuditEntry, 'id' | 'who' | 'through' | 'action' | 'at'>),
    ...(target === null ? {} : { target }),
    ...(result === null ? {} : { result }),
    ...(succeeded === null ? {} : { succeeded }),
  }
}

const UNDEFINED_TABLE = '42P01'
const UNDEFINED_SCHEMA = '3F000'

async function onAudit<Row>(db: Database, statement: RawBuilder<unknown>): Promise<Row[]> {
  try {
    return (await statement.execute(db)).rows as Row[]
  } catch (error) {
    const code = codeOf(error)
    throw code === UNDEFINED_TABLE || code === UNDEFINED_SCHEMA ? new NoAuditTable() : error
  }
}
