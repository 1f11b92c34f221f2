import { type RawBuilder, sql } from 'kysely'
import type { Columns } from './columns.js'
import { type Database, TABLES, type TableName } from './schema.js'

/** The server as the current role sees it. */
export interface ServerFacts {
  version: string
  role: string
  /** A replica, or a role or database whose transactions are read-only. */
  readOnly: boolean
}

export async function readServer(db: Database): Promise<ServerFacts> {
  const { rows } = await sql<ServerFacts>`
    select current_setting('server_version') as version, current_user::text as role,
      current_setting('transaction_read_only')::boolean as "readOnly"
  `.execute(db)
  return only(rows)
}

/**
 * Does `work` in a transaction of which the server ends each statement after `ms`: a count that takes too long must not go on
 * when nobody waits for it any more.
 */
export function withStatementTimeout<T>(
  db: Database,
  ms: number,
  work: (tx: Database) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`select set_config('statement_timeout', ${String(ms)}, true)`.execute(tx)
    return work(tx)
  })
}

/** The database server's clock, in milliseconds since 1970. */
export async function readDatabaseClock(db: Database): Promise<number> {
  const { rows } = await sql<{ ms: string }>`
    select extract(epoch from clock_timestamp()) * 1000 as ms
  `.execute(db)
  return Number(only(rows).ms)
}

/** Other schemas, outside of `search_path`, that have tables or views of the three names. */
export async function findOtherSchemas(db: Database): Promise<{ schema: string; usable: boolean }[]> {
  const { rows } = await sql<{ schema: string; usable: boolean }>`
    select nspname::text as schema, has_schema_privilege(n.oid, 'USAGE') as usable
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where relname = any(${sql.val([...TABLES])}::text[]) and relkind in ('r', 'p', 'v', 'f')
    group by n.oid, nspname having count(*) = ${sql.lit(TABLES.length)}
    order by usable desc, nspname
  `.execute(db)
  return rows
}

/** Privileges that a part of the product needs: on the named columns (those that exist), or on the whole table. */
export interface Need {
  table: TableName
  privilege: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'
  columns: readonly string[]
}

/** Which of the needed privileges the current role lacks. */
export async function missingPrivileges<N extends Need>(
  db: Database,
  columns: Columns,
  needs: readonly N[],
): Promise<N[]> {
  const asked = needs.flatMap(({ table, privilege, columns: names }, index) =>
    names
      .filter((name) => columns[table].has(name))
      .map((column) => ({ index, relation: table, privilege, column })),
  )
  const { rows } = await sql<{ index: number }>`
    select distinct index
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb)
      as asked(index int, relation text, privilege text, "column" text)
    where not case privilege
      when 'DELETE' then has_table_privilege(to_regclass(quote_ident(relation)), privilege)
      else has_column_privilege(to_regclass(quote_ident(relation)), "column", privilege)
    end
  `.execute(db)
  return needs.filter((_need, index) => rows.some((row) => row.index === index))
}

/** Which of the three tables hide rows from the current role by row-level security. */
export async function tablesWithRowSecurity(db: Database): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from unnest(${sql.val([...TABLES])}::text[]) as name
    where row_security_active(to_regclass(quote_ident(name)))
  `.execute(db)
  return rows.map((row) => row.name)
}

export interface InsertPlan {
  /** The table that the rows go to: behind an updatable view, the base table. */
  table: string
  /** Columns of that table that may not be null and that the insert leaves null. */
  unfilled: string[]
  /** Sequences that fill a column by default and that the current role may not use. */
  deniedSequences: string[]
}

/**
 * Asks Postgres how it would run an insert, without running it, and examines the row that it would write. This includes
 * defaults wherever they are declared, so views need no catalog walk.
 *
 * @throws {Error} what the insert itself would: 42P10 without the unique key of its `ON CONFLICT`, 42501 without a privilege
 */
export async function explainInsert(db: Database, insert: RawBuilder<unknown>): Promise<InsertPlan> {
  const { rows } = await sql<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>`
    explain (verbose, format json) ${insert}
  `.execute(db)
  const node = findInsert(only(rows)['QUERY PLAN'][0].Plan)
  const table = `${node?.Schema}.${node?.['Relation Name']}`
  const { rows: judged } = await sql<InsertPlan>`
    select ${table} as "table",
      coalesce(array_agg(attname::text) filter (
        where attnotnull and attgenerated = '' and expression like 'NULL::%'), '{}') as unfilled,
      coalesce(array_agg(seq.oid::regclass::text) filter (
        where expression like 'nextval(%' and not has_sequence_privilege(seq.oid, 'USAGE, UPDATE')), '{}')
        as "deniedSequences"
    from unnest(${node?.Plans?.[0]?.Output ?? []}::text[]) with ordinality as filled(expression, position)
    join pg_attribute on attrelid = to_regclass(quote_ident(${node?.Schema}) || '.' || quote_ident(${node?.['Relation Name']}))
      and attnum = position and not attisdropped
    left join pg_attrdef on adrelid = attrelid and adnum = attnum and attidentity = ''
    left join pg_depend on classid = 'pg_attrdef'::regclass and objid = pg_attrdef.oid and refclassid = 'pg_class'::regclass
    left join pg_class seq on seq.oid = refobjid and seq.relkind = 'S'
  `.execute(db)
  return only(judged)
}

/** The parts read from a node of `EXPLAIN (VERBOSE, FORMAT JSON)`; see "Using EXPLAIN" in the PostgreSQL manual. */
interface PlanNode {
  Operation?: string
  Schema?: string
  'Relation Name'?: string
  /** Of the node below an insert: one expression for each column of the table, in the order of `attnum`. */
  Output?: string[]
  Plans?: PlanNode[]
}

function findInsert(node: PlanNode): PlanNode | undefined {
  if (node.Operation === 'Insert') return node
  for (const inner of node.Plans ?? []) {
    const found = findInsert(inner)
    if (found !== undefined) return found
  }
  return undefined
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows
  if (row === undefined) throw new Error('the database answered with no row where there is always one')
  return row
}
