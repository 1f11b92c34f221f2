import { sql } from 'kysely'
import { type Columns, isText, OWN_ID_PREFIX, typeOf } from './columns.js'
import type { Database } from './schema.js'

export interface RollbackWindow {
  since: Date
  until: Date
  /** Only enrollments that still have the status they were made with. */
  status: string
}

export interface CourseCount {
  courseId: string
  title: string
  enrollments: number
}

/**
 * Whether rows made by auto-enroll can be told from rows made by hand: they bear the mark in a text id only.
 */
export function canTellOwnRows(columns: Columns): boolean {
  return isText(columns.Enrollment.get('id'))
}

/** What `rollBack` would remove, by course. */
export async function previewRollback(
  db: Database,
  columns: Columns,
  window: RollbackWindow,
): Promise<CourseCount[]> {
  const { rows } = await sql<CourseCount>`
    select e."courseId"::text as "courseId", c.title, count(*)::int as enrollments
    from "Enrollment" e join "Course" c on c.id = e."courseId"
    where ${ownRows(columns, window)}
    group by 1, 2 order by 2, 1
  `.execute(db)
  return rows
}

/**
 * Removes enrollments that auto-enroll made in the window and whose status is unchanged, a bounded number in each
 * statement, until none is left. Interrupted, what is removed stays removed and a second run finishes.
 *
 * @returns how many were removed, after each statement
 */
export async function* rollBack(
  db: Database,
  columns: Columns,
  window: RollbackWindow,
  batchSize = 5000,
): AsyncGenerator<number> {
  let removed = 0
  for (;;) {
    const { numAffectedRows } = await sql`
      delete from "Enrollment" where id in (
        select e.id from "Enrollment" e where ${ownRows(columns, window)} limit ${sql.lit(batchSize)}
      )
    `.execute(db)
    removed += Number(numAffectedRows ?? 0n)
    yield removed
    if (Number(numAffectedRows ?? 0n) < batchSize) return
  }
}

function ownRows(columns: Columns, { since, until, status }: RollbackWindow) {
  const enrolledAt = columns.Enrollment.get('enrolledAt')?.type.endsWith('without time zone')
    ? sql`e."enrolledAt" at time zone 'UTC'`
    : sql`e."enrolledAt"`
  return sql`
    e.id like ${`${OWN_ID_PREFIX}%`} and length(e.id) = ${sql.lit(OWN_ID_PREFIX.length + 32)}
    and e.status = ${status}::${typeOf(columns, 'Enrollment', 'status')}
    and ${enrolledAt} >= ${since.toISOString()}::timestamptz and ${enrolledAt} < ${until.toISOString()}::timestamptz
  `
}
