import { sql } from 'kysely'
import type { Database } from './schema.js'

/** How many courses are published now. */
export async function countPublishedCourses(db: Database): Promise<number> {
  const { count } = await db
    .selectFrom('Course')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('isPublished', '=', true)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** The ids of the courses that are published now, as text. */
export async function publishedCourseIds(db: Database): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select id::text from "Course" where "isPublished"`.execute(db)
  return rows.map(({ id }) => id)
}
