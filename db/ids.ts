import { type RawBuilder, sql } from 'kysely'
import { type Column, ColumnsError } from './columns.js'

/** Marks the id of an enrollment as made by auto-enroll: no real cuid begins so, and it passes as one. */
const OWN_PREFIX = 'cae'

/** Hexadecimal digits after the prefix: those of a random UUID, or fewer where the column is shorter. */
const DIGITS = 32
/** Fewer would leave too few random bits to be unique among millions of rows. */
const FEWEST_DIGITS = 16

/** A new user's id: `c` and hexadecimal digits in a text column. Otherwise as `newEnrollmentId`. */
export function newUserId(column: Column | undefined): RawBuilder<unknown> | undefined {
  return newId(column, 'c', '"User"."id"')
}

/**
 * A new enrollment's id: marked as ours in a text column, random in a uuid column; `undefined` for any other type, which
 * the database's default fills.
 *
 * @throws {ColumnsError} when a text column is too short for an id that is unique
 */
export function newEnrollmentId(column: Column | undefined): RawBuilder<unknown> | undefined {
  return newId(column, OWN_PREFIX, '"Enrollment"."id"')
}

/** Matches exactly the ids that `newEnrollmentId` makes in a text column. */
export function isOwnEnrollmentId(id: string, column: Column | undefined): RawBuilder<boolean> {
  return sql`${sql.ref(id)}::text collate "C" ~ ${sql.lit(`^${OWN_PREFIX}[0-9a-f]{${digitsFor(column, OWN_PREFIX)}}$`)}`
}

export function isText(column: Column | undefined): boolean {
  return column !== undefined && ['text', 'character varying', 'bpchar'].includes(column.type)
}

function newId(column: Column | undefined, prefix: string, name: string): RawBuilder<unknown> | undefined {
  if (column?.type === 'uuid') return sql`gen_random_uuid()`
  if (!isText(column)) return undefined
  const digits = digitsFor(column, prefix)
  if (digits < FEWEST_DIGITS) {
    throw new ColumnsError(
      `${name} takes ${column?.maxLength} characters; an id needs ${prefix.length + FEWEST_DIGITS} or more`,
    )
  }
  return sql`(${sql.lit(prefix)} || right(replace(gen_random_uuid()::text, '-', ''), ${sql.lit(digits)}))`
}

function digitsFor(column: Column | undefined, prefix: string): number {
  return Math.max(0, Math.min(DIGITS, (column?.maxLength ?? Number.POSITIVE_INFINITY) - prefix.length))
}
