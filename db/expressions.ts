import { type RawBuilder, sql } from 'kysely'
import { type Column, type Columns, ColumnsError } from './columns.js'
import type { TableName } from './schema.js'

/** The SQL type of a column, for a cast. */
export function typeOf(columns: Columns, table: TableName, name: string): RawBuilder<unknown> {
  const column = columns[table].get(name)
  if (column === undefined) throw new ColumnsError(`table "${table}" has no column "${name}"`)
  return sql.raw(column.type)
}

/** The present moment for a timestamp column; one without zone gets UTC, as Prisma writes it. */
export function nowFor(column: Column | undefined): RawBuilder<unknown> {
  return column?.type === 'timestamp without time zone' ? sql`(now() at time zone 'UTC')` : sql`now()`
}

/**
 * A status of an enrollment, of the column's type.
 *
 * @throws {ColumnsError} naming the values that there are, when the column is an enum without this one
 */
export function statusFor(columns: Columns, status: string): RawBuilder<unknown> {
  const labels = columns.Enrollment.get('status')?.labels
  if (labels != null && !labels.includes(status)) {
    throw new ColumnsError(
      `"Enrollment"."status" has no value ${JSON.stringify(status)}; set ENROLLMENT_STATUS to one of ${labels.join(', ')}`,
    )
  }
  return sql`${status}::${typeOf(columns, 'Enrollment', 'status')}`
}

/** The columns that exist and may be written, with their values, as the two lists of an insert. */
export function insertion(
  columns: ReadonlyMap<string, Column>,
  values: Readonly<Record<string, RawBuilder<unknown> | undefined>>,
): { names: RawBuilder<unknown>; values: RawBuilder<unknown> } {
  const given = Object.entries(values).flatMap(([name, value]) =>
    value === undefined || columns.get(name)?.generated !== false ? [] : [{ name, value }],
  )
  return {
    names: sql.join(given.map(({ name }) => sql.ref(name))),
    values: sql.join(given.map(({ value }) => value)),
  }
}
