import { sql, type Transaction } from 'kysely'
import type { Schema } from '../schema.js'

/**
 * The schema `auto_enroll`, which is ours alone, with the table of what operators did.
 *
 * @returns whether anything was made
 */
export async function createAuditTable(tx: Transaction<Schema>): Promise<boolean> {
  const { rows } = await sql`select where to_regclass('auto_enroll.audit') is not null`.execute(tx)
  if (rows.length > 0) return false
  for (const statement of AUDIT_DDL) await sql.raw(statement).execute(tx)
  return true
}

const AUDIT_DDL = [
  'create schema if not exists auto_enroll',
  `create table auto_enroll.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    who text not null,
    "through" text not null,
    action text not null,
    target text,
    result text,
    succeeded boolean,
    finished_at timestamptz
  )`,
  'create index audit_action_at on auto_enroll.audit (action, at desc)',
]
