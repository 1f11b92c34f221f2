import { type RawBuilder, sql } from 'kysely'
import { type Database, TABLES, type TableName } from './schema.js'

export interface Column {
  /** The type as SQL spells it, with its modifier: `text`, `uuid`, `timestamp(3) without time zone`, `"Status"`. */
  type: string
  /** Neither nullable nor filled by the database when an insert leaves it out. */
  required: boolean
}

/** The columns of the three tables (or of updatable views named as they are) in one database. */
export type Columns = Readonly<Record<TableName, ReadonlyMap<string, Column>>>

/** What each table must have; `lastLoginAt`, `updatedAt` and other columns are filled where they exist. */
const NEEDED: Readonly<Record<TableName, readonly string[]>> = {
  User: ['id', 'email', 'name'],
  Course: ['id', 'title', 'isPublished'],
  Enrollment: ['id', 'userId', 'courseId', 'status', 'enrolledAt'],
}

const known = new WeakMap<Database, Promise<Columns>>()

/**
 * Reads the columns of the three tables once per connection pool; a failure is not remembered.
 *
 * @throws {Error} when a table or a column is missing, naming all that are
 */
export function columnsOf(db: Database): Promise<Columns> {
  let columns = known.get(db)
  if (columns === undefined) {
    columns = readColumns(db).then(complete)
    known.set(db, columns)
    columns.catch(() => known.delete(db))
  }
  return columns
}

/** Reads what columns there are, without judging them. Views count as tables. */
export async function readColumns(db: Database): Promise<Columns> {
  const { rows } = await sql<Column & { table: TableName; name: string }>`
    select asked.name as "table", a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
      a.attnotnull and not a.atthasdef and a.attidentity = '' as required
    from unnest(${sql.val([...TABLES])}::text[]) as asked(name)
    join pg_class c on c.oid = to_regclass(quote_ident(asked.name))
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  `.execute(db)
  const columnsOfTable = (table: TableName) =>
    new Map(
      rows.filter((row) => row.table === table).map(({ name, type, required }) => [name, { type, required }]),
    )
  return {
    User: columnsOfTable('User'),
    Course: columnsOfTable('Course'),
    Enrollment: columnsOfTable('Enrollment'),
  }
}

/** The tables and columns that are missing, each as a sentence; empty when nothing is. */
export function missingColumns(columns: Columns): string[] {
  return TABLES.flatMap((table) => {
    if (columns[table].size === 0) return [`there is no table "${table}"`]
    return NEEDED[table]
      .filter((name) => !columns[table].has(name))
      .map((name) => `table "${table}" has no column "${name}"`)
  })
}

function complete(columns: Columns): Columns {
  const missing = missingColumns(columns)
  if (missing.length > 0) throw new Error(`the database is not the application's: ${missing.join('; ')}`)
  return columns
}

/** The SQL type of a column, for a cast. */
export function typeOf(columns: Columns, table: TableName, name: string): RawBuilder<unknown> {
  const column = columns[table].get(name)
  if (column === undefined) throw new Error(`table "${table}" has no column "${name}"`)
  return sql.raw(column.type)
}

/** An element of an id column cast to text, so that ids of every type are strings here. */
export function asText(reference: string): RawBuilder<string> {
  return sql<string>`${sql.ref(reference)}::text`
}

/** The present moment for a timestamp column; one without zone gets UTC, as Prisma writes it. */
export function nowFor(column: Column | undefined): RawBuilder<never> {
  return column?.type.endsWith('without time zone')
    ? sql<never>`(now() at time zone 'UTC')`
    : sql<never>`now()`
}

/** Marks the id of an enrollment as made by auto-enroll: no real cuid begins so, and it passes as one. */
export const OWN_ID_PREFIX = 'cae'

/**
 * A new id for an id column: text gets the prefix and 32 hex digits, uuid a random one, and any other type is
 * `undefined`: the database's default fills it.
 */
export function newId(column: Column | undefined, prefix: string): RawBuilder<string> | undefined {
  if (column === undefined) return undefined
  if (column.type === 'uuid') return sql<string>`gen_random_uuid()`
  return isText(column)
    ? sql<string>`(${sql.lit(prefix)} || replace(gen_random_uuid()::text, '-', ''))`
    : undefined
}

export function isText(column: Column | undefined): boolean {
  return column?.type === 'text' || column?.type.startsWith('character varying') === true
}
