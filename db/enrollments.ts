import { sql } from 'kysely'
import type { Columns } from './columns.js'
import { insertion, nowFor, statusFor, typeOf } from './expressions.js'
import { newEnrollmentId } from './ids.js'
import type { Database } from './schema.js'

export interface Enrolled {
  /** New enrollments by user id, as it was asked for; a user who does not exist has no entry. */
  created: ReadonlyMap<string, number>
  /** Published courses at that moment; 0 also when none of the users exists. */
  publishedCourses: number
}

/**
 * Enrolls the named users in every published course, in one statement. An enrollment that exists is left alone,
 * whatever its status. Rows are inserted in the order of user and course, so that concurrent calls wait for each other
 * and never deadlock.
 *
 * @throws {Error} when the status is none of the enum's values, and whatever Postgres refuses
 */
export async function enrollUsers(
  db: Database,
  columns: Columns,
  status: string,
  userIds: readonly string[],
): Promise<Enrolled> {
  const { rows } = await enrollStatement(columns, status, userIds).execute(db)
  return {
    created: new Map(rows.map((row) => [row.userId, row.created])),
    publishedCourses: rows[0]?.publishedCourses ?? 0,
  }
}

/** The statement of `enrollUsers`, for it and for whoever asks the database to explain it. */
export function enrollStatement(columns: Columns, status: string, userIds: readonly string[]) {
  const inserted = newEnrollment(columns, status)
  return sql<{ userId: string; created: number; publishedCourses: number }>`
    with asked as (
      select distinct unnest(${sql.val(userIds)}::text[]) as id
    ), found as (
      select asked.id as asked, u.id from asked join "User" u on u.id = asked.id::${typeOf(columns, 'User', 'id')}
    ), published as (
      select id from "Course" where "isPublished"
    ), created as (
      insert into "Enrollment" ("userId", "courseId", ${inserted.names})
      select found.id, published.id, ${inserted.values}
      from found cross join published
      order by found.id, published.id
      on conflict ("userId", "courseId") do nothing
      returning "userId"
    ), counted as (
      select "userId", count(*)::int as created from created group by "userId"
    )
    select found.asked as "userId", coalesce(counted.created, 0) as created,
      (select count(*)::int from published) as "publishedCourses"
    from found left join counted on counted."userId" = found.id
  `
}

function newEnrollment(columns: Columns, status: string) {
  const column = (name: string) => columns.Enrollment.get(name)
  return insertion(columns.Enrollment, {
    id: newEnrollmentId(column('id')),
    status: statusFor(columns, status),
    enrolledAt: nowFor(column('enrolledAt')),
    updatedAt: nowFor(column('updatedAt')),
  })
}
