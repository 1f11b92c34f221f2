import { isDeepStrictEqual } from 'node:util'
import { sql } from 'kysely'
import { codeOf } from '../config/safe-error.js'
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

/** Thrown where what we would write does not fit the columns. */
export class ColumnsError extends Error {
  override readonly name = 'ColumnsError'
}

const known = new WeakMap<Database, { columns: Promise<Columns>; readAtMs: number }>()

/** Some changes make no statement fail (`timestamp` to `timestamptz`), so columns are never trusted for longer. */
const REFRESH_MS = 60_000

/**
 * The columns of the three tables, read once per connection pool and again in the background every minute; a failure is
 * not remembered. Statements that depend on them belong in `withColumns`.
 *
 * @throws {ColumnsError} when a table or a column is missing, naming all that are
 */
export function columnsOf(db: Database): Promise<Columns> {
  const found = known.get(db)
  if (found === undefined) return remember(db)
  if (performance.now() - found.readAtMs > REFRESH_MS) {
    found.readAtMs = performance.now()
    readAgain(db).catch(() => undefined)
  }
  return found.columns
}

/**
 * Runs `work` with the columns. When it fails as it would if the schema had changed since they were read, they are read
 * again, and if they have changed, it runs once more.
 */
export async function withColumns<T>(db: Database, work: (columns: Columns) => Promise<T>): Promise<T> {
  const columns = await columnsOf(db)
  try {
    return await work(columns)
  } catch (error) {
    if (!suggestsOtherColumns(error)) throw error
    const fresh = await readAgain(db)
    if (isDeepStrictEqual(fresh, columns)) throw error
    return work(fresh)
  }
}

/** To be called with each error of a statement on the pool, so that one that was made of old columns is the last. */
export function forgetIfChanged(db: Database, error: unknown): void {
  if (suggestsOtherColumns(error)) known.delete(db)
}

/**
 * Codes of appendix A of the PostgreSQL manual by which a changed schema shows: 42 (something is undefined or of another
 * type), 22 (a value does not fit its type), 0A (a cached plan no longer fits), and a new column that must be filled.
 */
function suggestsOtherColumns(error: unknown): boolean {
  const code = codeOf(error)
  return error instanceof ColumnsError || /^(42|22|0A)...$|^23502$/.test(code ?? '')
}

/** Keeps what is known where it has not changed, so that it stays the same object. */
async function readAgain(db: Database): Promise<Columns> {
  const fresh = complete(await readColumns(db))
  const columns = await known.get(db)?.columns.catch(() => undefined)
  if (isDeepStrictEqual(fresh, columns)) return columns ?? fresh
  known.set(db, { columns: Promise.resolve(fresh), readAtMs: performance.now() })
  return fresh
}

function remember(db: Database): Promise<Columns> {
  const columns = readColumns(db).then(complete)
  known.set(db, { columns, readAtMs: performance.now() })
  columns.catch(() => known.delete(db))
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
  if (missing.length > 0)
    throw new ColumnsError(`the database is not the application's: ${missing.join('; ')}`)
  return columns
}
