import { sql } from 'kysely'
import type { Database } from './schema.js'

export interface Coverage {
  users: number
  /** Users who have at least one enrollment, whatever its status. */
  withEnrollment: number
  withoutEnrollment: number
  /** Per cent of the users who have one, rounded down to two digits so that 100 means everybody. */
  coverage: number
  enrollments: number
  publishedCourses: number
  /** Enrollments that repeat a user and course; above 0 only where the unique key is missing. */
  duplicates: number
}

/** Counts who is enrolled, in one statement and so at one moment. */
export async function readCoverage(db: Database): Promise<Coverage> {
  const { rows } = await sql<Record<'users' | 'without' | 'enrollments' | 'distinct' | 'published', string>>`
    select
      (select count(*) from "User") as users,
      (select count(*) from "User" u where not exists (select from "Enrollment" e where e."userId" = u.id)) as without,
      (select count(*) from "Enrollment") as enrollments,
      (select count(*) from (select from "Enrollment" group by "userId", "courseId") pairs) as distinct,
      (select count(*) from "Course" where "isPublished") as published
  `.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('the database answered a count with no row')
  const users = Number(row.users)
  const withoutEnrollment = Number(row.without)
  const withEnrollment = users - withoutEnrollment
  return {
    users,
    withEnrollment,
    withoutEnrollment,
    coverage: users === 0 ? 100 : Math.floor((withEnrollment * 10_000) / users) / 100,
    enrollments: Number(row.enrollments),
    publishedCourses: Number(row.published),
    duplicates: Number(row.enrollments) - Number(row.distinct),
  }
}
