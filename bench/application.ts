import { sql } from 'kysely'
import type { Database } from '../db/schema.js'

/** Creates exactly this many users and published courses, with ids like Prisma's and up-to-date statistics. */
export async function fillApplication(db: Database, users: number, courses: number): Promise<void> {
  await sql`truncate "User", "Course", "Enrollment" cascade`.execute(db)
  await sql`
    insert into "User" (id, email, name)
    select 'c' || substr(md5(i::text), 1, 24), 'user' || i || '@example.com', 'Someone'
    from generate_series(1, ${sql.lit(users)}) i
  `.execute(db)
  await sql`
    insert into "Course" (id, title, "isPublished")
    select 'c' || substr(md5('course' || i), 1, 24), 'Course ' || i, true from generate_series(1, ${sql.lit(courses)}) i
  `.execute(db)
  await sql`vacuum analyze "User", "Course"`.execute(db)
}

export async function userIds(db: Database): Promise<string[]> {
  const rows = await db.selectFrom('User').select('id').orderBy('id').execute()
  return rows.map((row) => row.id)
}

/** Deletes all enrollments, and writes a checkpoint so that none happens during the measurement. */
export async function forgetEnrollments(db: Database): Promise<void> {
  await sql`truncate "Enrollment"`.execute(db)
  await sql`checkpoint`.execute(db)
}

/** @throws {Error} unless everyone has every course; the figures of that round would mean nothing */
export async function assertEveryoneEnrolled(db: Database, users: number, courses: number): Promise<void> {
  const { rows } = await sql<{ count: string }>`select count(*) from "Enrollment"`.execute(db)
  const found = Number(rows[0]?.count)
  if (found !== users * courses) throw new Error(`expected ${users * courses} enrollments, found ${found}`)
}
