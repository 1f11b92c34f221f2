import { sql } from 'kysely'
import type { Columns } from './columns.js'
import { statusFor } from './expressions.js'
import { isOwnEnrollmentId, isText } from './ids.js'
import type { Database } from './schema.js'

export interface RollbackWindow {
  since: Date
  until: Date
  /** Only enrollments that still have the status they were created with. */
  status: string
}

export interface CourseCount {
  courseId: string
  title: string
  enrollments: number
}

/** Whether auto-enroll's rows can be distinguished from others: only a text id can carry its mark. */
export function canTellOwnRows(columns: Columns): boolean {
  return isText(columns.Enrollment.get('id'))
}

/** Counts what `rollBack` would remove, by course. */
export async function previewRollback(
  db: Database,
  columns: Columns,
  window: RollbackWindow,
): Promise<CourseCount[]> {
  const { rows } = await sql<CourseCount>`
    select e."courseId"::text as "courseId", coalesce(c.title, '') as title, count(*)::int as enrollments
    from "Enrollment" e left join "Course" c on c.id = e."courseId"
    where ${ownRows(columns, window)}
    group by 1, 2 order by 2, 1
  `.execute(db)
  return rows
}

/**
 * Removes the enrollments that auto-enroll created in the window and whose status is unchanged, a bounded number per
 * statement, until none is left. If it is interrupted, what was removed stays removed, and a second run removes the rest.
 *
 * @returns after each statement, how many were removed so far
 */
export async function* rollBack(
  db: Database,
  columns: Columns,
  window: RollbackWindow,
  batchSize = 5000,
): AsyncGenerator<number> {
  let removed = 0
  for (;;) {
    const { rows } = await sql<{ found: number; removed: number }>`
      with found as (
        select e.id from "Enrollment" e where ${ownRows(columns, window)} limit ${sql.lit(batchSize)}
      ), removed as (
        -- The condition is checked again, because somebody may have changed the row since it was found.
        delete from "Enrollment" e where e.id in (select id from found) and ${ownRows(columns, window)} returning 1
      )
      select (select count(*)::int from found) as found, (select count(*)::int from removed) as removed
    `.execute(db)
    const batch = rows[0] ?? { found: 0, removed: 0 }
    removed += batch.removed
    yield removed
    if (batch.found < batchSize || batch.removed === 0) return
  }
}

function ownRows(columns: Columns, { since, until, status }: RollbackWindow) {
  const enrolledAt =
    columns.Enrollment.get('enrolledAt')?.type === 'timestamp without time zone'
      ? sql`e."enrolledAt" at time zone 'UTC'`
      : sql`e."enrolledAt"`
  return sql`
    ${isOwnEnrollmentId('e.id', columns.Enrollment.get('id'))} and e.status = ${statusFor(columns, status)}
    and ${enrolledAt} >= ${since.toISOString()}::timestamptz and ${enrolledAt} < ${until.toISOString()}::timestamptz
  `
}
