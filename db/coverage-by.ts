import { sql } from 'kysely'
import type { Columns } from './columns.js'
import type { Database } from './schema.js'

export interface CourseCoverage {
  courseId: string
  title: string
  /** Users who have this course, whatever the status. */
  users: number
}

/** How many users have each published course, the most frequent first; at most `limit` courses. */
export async function readCoverageByCourse(db: Database, limit: number): Promise<CourseCoverage[]> {
  const { rows } = await sql<{ courseId: string; title: string; users: string }>`
    select c.id::text as "courseId", c.title, coalesce(counted.users, 0) as users
    from "Course" c
    left join (select "courseId", count(*) as users from "Enrollment" group by "courseId") counted
      on counted."courseId" = c.id
    where c."isPublished"
    order by users desc, c.title limit ${sql.lit(limit)}
  `.execute(db)
  return rows.map((row) => ({ ...row, users: Number(row.users) }))
}

export interface SignInCoverage {
  /** A user with a password signed up with credentials; one without came through Google or another provider. */
  signIn: 'password' | 'provider'
  users: number
  withEnrollment: number
}

/** Coverage by how users sign in, empty where the table has no `passwordHash`, or the role may not read it. */
export async function readCoverageBySignIn(db: Database, columns: Columns): Promise<SignInCoverage[]> {
  if (!columns.User.has('passwordHash') || !(await mayReadPasswordHash(db))) return []
  const { rows } = await sql<{ hasPassword: boolean; users: string; enrolled: string }>`
    select u."passwordHash" is not null as "hasPassword", count(*) as users, count(e."userId") as enrolled
    from "User" u left join (select distinct "userId" from "Enrollment") e on e."userId" = u.id
    group by 1 order by 1 desc
  `.execute(db)
  return rows.map(({ hasPassword, users, enrolled }) => ({
    signIn: hasPassword ? 'password' : 'provider',
    users: Number(users),
    withEnrollment: Number(enrolled),
  }))
}

async function mayReadPasswordHash(db: Database): Promise<boolean> {
  const { rows } = await sql<{ allowed: boolean }>`
    select has_column_privilege(to_regclass(quote_ident('User')), 'passwordHash', 'SELECT') as allowed
  `.execute(db)
  return rows[0]?.allowed === true
}
