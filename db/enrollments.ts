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

export interface EnrollOptions {
  /** Of the published courses, these alone, or all but these. Ids as text. */
  only?: readonly string[]
  except?: readonly string[]
  /** How long the statement waits for each lock, by default as long as the server lets it. Then it fails with 55P03. */
  lockTimeoutMs?: number
  /** How long it may take, by default as long as the server lets it. Then it fails with 57014. Costs round trips. */
  statementTimeoutMs?: number
}

/**
 * Enrolls the named users in every published course, in one statement. An enrollment that exists is left alone,
 * whatever its status. Rows are inserted in the order of user and course, so that concurrent calls wait for each other
 * and never deadlock.
 *
 * @throws {ColumnsError} when the status is none of the enum's values, and whatever Postgres refuses
 */
export async function enrollUsers(
  db: Database,
  columns: Columns,
  status: string,
  userIds: readonly string[],
  options: EnrollOptions = {},
): Promise<Enrolled> {
  const statement = enrollStatement(columns, status, userIds, options)
  const { statementTimeoutMs } = options
  const { rows } =
    statementTimeoutMs === undefined
      ? await statement.execute(db)
      : await db.transaction().execute(async (tx) => {
          await sql`select set_config('statement_timeout', ${`${statementTimeoutMs}ms`}, true)`.execute(tx)
          return statement.execute(tx)
        })
  return {
    created: new Map(rows.map((row) => [row.userId, row.created])),
    publishedCourses: rows[0]?.publishedCourses ?? 0,
  }
}

/** The statement of `enrollUsers`, also for callers that ask the database to explain it. */
export function enrollStatement(
  columns: Columns,
  status: string,
  userIds: readonly string[],
  { only, except, lockTimeoutMs }: EnrollOptions = {},
) {
  const inserted = newEnrollment(columns, status)
  // Set by the statement itself, because a pooler in transaction mode keeps no setting between statements.
  const settings =
    lockTimeoutMs === undefined
      ? sql`select 1`
      : sql`select set_config('lock_timeout', ${`${lockTimeoutMs}ms`}, true)`
  return sql<{ userId: string; created: number; publishedCourses: number }>`
    with settings as materialized (
      ${settings}
    ), asked as (
      select distinct unnest(${sql.val(userIds)}::text[]) as id from settings
    ), found as (
      select asked.id as asked, u.id from asked join "User" u on u.id = asked.id::${typeOf(columns, 'User', 'id')}
    ), published as (
      select id from "Course" where "isPublished"
      ${only === undefined ? sql`` : sql`and id::text = any(${sql.val(only)}::text[])`}
      ${except === undefined ? sql`` : sql`and id::text <> all(${sql.val(except)}::text[])`}
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
