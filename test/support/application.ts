import { randomUUID } from 'node:crypto'
import type { TestDatabase } from './servers.js'

/** Inserts users as the application does, without publishing events. */
export async function insertUsers(database: TestDatabase, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => `u${randomUUID()}`)
  await database.sql(
    `insert into "User" (id, email, name) select id, id || '@example.com', 'Somebody' from unnest($1::text[]) id`,
    [ids],
  )
  return ids
}

export async function insertCourses(
  database: TestDatabase,
  count: number,
  isPublished = true,
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => `c${randomUUID()}`)
  await database.sql(
    `insert into "Course" (id, title, "isPublished") select id, 'Course ' || id, $2 from unnest($1::text[]) id`,
    [ids, isPublished],
  )
  return ids
}

/** The enrollments of a user as `courseId: status`. */
export async function enrollmentsOf(database: TestDatabase, userId: string): Promise<Record<string, string>> {
  const rows = await database.sql<{ courseId: string; status: string }>(
    'select "courseId"::text, status::text from "Enrollment" where "userId"::text = $1',
    [userId],
  )
  return Object.fromEntries(rows.map(({ courseId, status }) => [courseId, status]))
}

export async function countEnrollments(database: TestDatabase): Promise<number> {
  const [row] = await database.sql<{ count: number }>('select count(*)::int as count from "Enrollment"')
  return row?.count ?? 0
}
