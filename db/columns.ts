import { sql } from 'kysely'
import { type Database, TABLES, type TableName } from './schema.js'

export interface Column {
  /**
   * The type as SQL spells it, that of its base for a domain: `text`, `uuid`, `timestamp without time zone`,
   * `"Status"`. Without its length, because a cast to `varchar(30)` cuts a longer text silently.
   */
  type: string
  /** Characters that a text column takes at most, where it is bounded. */
  maxLength: number | null
  /** The values of an enum. */
  labels: readonly string[] | null
  /** Neither nullable nor filled by the database when an insert leaves it out. */
  required: boolean
  /** Computed by the database, which refuses any value for it. */
  generated: boolean
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
    select asked.name as "table", a.attname as name, format_type(base.type, -1) as type,
      case when base.type in ('varchar'::regtype, 'bpchar'::regtype) and base.modifier > 4
        then base.modifier - 4 end as "maxLength",
      (select array_agg(enumlabel::text order by enumsortorder) from pg_enum where enumtypid = base.type) as labels,
      a.attnotnull and not a.atthasdef and a.attidentity = '' as required,
      a.attgenerated <> '' as generated
    from unnest(${sql.val([...TABLES])}::text[]) as asked(name)
    join pg_class c on c.oid = to_regclass(quote_ident(asked.name))
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    cross join lateral (
      select case t.typtype when 'd' then t.typbasetype else t.oid end,
        case t.typtype when 'd' then t.typtypmod else a.atttypmod end
    ) as base(type, modifier)
  `.execute(db)
  const columnsOfTable = (table: TableName) =>
    new Map(rows.flatMap(({ table: of, name, ...column }) => (of === table ? [[name, column]] : [])))
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
