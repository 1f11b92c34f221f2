import { sql } from 'kysely'
import { Refusal } from '../config/refusal.js'
import { codeOf } from '../config/safe-error.js'
import { migrateOwnSchema } from './migrate.js'
import { MIGRATIONS } from './migrations/own-schema.js'
import { LEDGER, LEDGER_LOCK, OWN_SCHEMA } from './migrations/run.js'
import type { Database } from './schema.js'

/** What the worker's role needs in the schema `auto_enroll`; `db/roles.sql` grants the same. */
const WORKER_PRIVILEGES: readonly (readonly [table: string, privileges: readonly string[]])[] = [
  ['migration', ['select']],
  ['lease', ['select', 'insert', 'update']],
  ['pause', ['select']],
]

/**
 * Brings the schema `auto_enroll` up to date if the current role may, and checks that the worker may use it.
 *
 * @returns the names of the migrations that ran
 * @throws {Refusal} with the SQL to run, if the role may not
 */
export async function prepareOwnSchema(db: Database): Promise<string[]> {
  const pending = await pendingMigrations(db)
  const ran = pending.length === 0 ? [] : await migrateIfPermitted(db, pending)
  const denied = await deniedPrivileges(db)
  if (denied.length === 0) return ran
  const role = await currentRole(db)
  throw new Refusal(
    `the role ${role} lacks privileges in the schema ${OWN_SCHEMA}: ${denied.map(([table]) => table).join(', ')}. ` +
      `As the owner, run db/roles.sql if that is the worker's role, or else:\n\n${grants(role)}`,
  )
}

/**
 * The migrations that have not run in this database. Those of a newer version, which the ledger may hold as well, are
 * ignored.
 */
export async function pendingMigrations(db: Database): Promise<string[]> {
  const names = Object.keys(MIGRATIONS)
  const { rows: found } = await sql<{ exists: boolean }>`
    select exists (
      select from pg_class c join pg_namespace n on n.oid = relnamespace
      where nspname = ${OWN_SCHEMA} and relname = ${LEDGER}
    ) as exists
  `.execute(db)
  if (found[0]?.exists !== true) return names
  try {
    const { rows } = await sql<{ name: string }>`select name from ${ledger}`.execute(db)
    return names.filter((name) => !rows.some((row) => row.name === name))
  } catch (error) {
    if (codeOf(error) !== INSUFFICIENT_PRIVILEGE) throw error
    return []
  }
}

/** Whether the current role may run migrations. */
export async function mayMigrate(db: Database): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`
    select coalesce(
      (select has_schema_privilege(oid, 'create') from pg_namespace where nspname = ${OWN_SCHEMA}),
      has_database_privilege(current_database(), 'create')
    ) as may
  `.execute(db)
  return rows[0]?.may === true
}

const INSUFFICIENT_PRIVILEGE = '42501'
const ledger = sql.table(`${OWN_SCHEMA}.${LEDGER}`)

async function migrateIfPermitted(db: Database, pending: readonly string[]): Promise<string[]> {
  try {
    return await migrateOwnSchema(db)
  } catch (error) {
    if (codeOf(error) !== INSUFFICIENT_PRIVILEGE) throw error
    const role = await currentRole(db)
    throw new Refusal(
      `the schema ${OWN_SCHEMA} lacks the migrations ${pending.join(', ')}, and the role ${role} may not run them. ` +
        "Run `npm run migrate` with a DATABASE_URL that may, and then db/roles.sql if that is the worker's role; " +
        `or run this SQL:\n\n${migrationSql(pending)}\n${grants(role)}`,
    )
  }
}

async function deniedPrivileges(db: Database): Promise<typeof WORKER_PRIVILEGES> {
  const asked = WORKER_PRIVILEGES.map(([table, privileges]) => ({ table, privileges }))
  const { rows } = await sql<{ table: string }>`
    select asked."table" from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as asked("table" text, privileges text[])
      join pg_namespace n on nspname = ${OWN_SCHEMA} join pg_class c on relnamespace = n.oid and relname = asked."table"
    where not has_schema_privilege(n.oid, 'usage')
      or not (select bool_and(has_table_privilege(c.oid, privilege)) from unnest(privileges) as privilege)
  `.execute(db)
  return WORKER_PRIVILEGES.filter(([table]) => rows.some((row) => row.table === table))
}

async function currentRole(db: Database): Promise<string> {
  const { rows } = await sql<{ role: string }>`select quote_ident(current_user) as role`.execute(db)
  return rows[0]?.role ?? 'current_user'
}

function migrationSql(pending: readonly string[]): string {
  const ledgerName = `${OWN_SCHEMA}.${LEDGER}`
  const lockName = `${OWN_SCHEMA}.${LEDGER_LOCK}`
  return [
    'begin',
    `create schema if not exists ${OWN_SCHEMA}`,
    `create table if not exists ${ledgerName} (name varchar(255) primary key, timestamp varchar(255) not null)`,
    `create table if not exists ${lockName} (id varchar(255) primary key, is_locked integer default 0 not null)`,
    `insert into ${lockName} values ('migration_lock', 0) on conflict do nothing`,
    ...pending.flatMap((name) => [
      ...(MIGRATIONS[name] ?? []),
      `insert into ${ledgerName} values ('${name}', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`,
    ]),
    'commit',
  ]
    .map((statement) => `${statement};`)
    .join('\n')
}

function grants(role: string): string {
  return [
    `grant usage on schema ${OWN_SCHEMA} to ${role};`,
    ...WORKER_PRIVILEGES.map(
      ([table, privileges]) => `grant ${privileges.join(', ')} on ${OWN_SCHEMA}.${table} to ${role};`,
    ),
  ].join('\n')
}
