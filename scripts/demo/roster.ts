import { sql } from 'kysely'
import { columnsOf } from '../../db/columns.js'
import { isOwnEnrollmentId } from '../../db/ids.js'
import type { Database } from '../../db/schema.js'

export interface RosterUser {
  id: string
  name: string
  email: string
  courses: { title: string; byHand: boolean }[]
  /** Milliseconds from the user's creation to the last enrollment. */
  enrolledAfterMs: number | null
}

/** The users with their courses, newest first. */
export async function readRoster(db: Database, limit = 100): Promise<RosterUser[]> {
  const isOwn = isOwnEnrollmentId('e.id', (await columnsOf(db)).Enrollment.get('id'))
  const { rows } = await sql<RosterUser>`
    select u.id, u.name, u.email,
      coalesce(
        json_agg(json_build_object('title', c.title, 'byHand', not ${isOwn}) order by c.title)
          filter (where e.id is not null), '[]') as courses,
      (extract(epoch from max(e."enrolledAt") - u."createdAt") * 1000)::float8 as "enrolledAfterMs"
    from "User" u
    left join "Enrollment" e on e."userId" = u.id
    left join "Course" c on c.id = e."courseId"
    group by u.id
    order by u."createdAt" desc, u.name
    limit ${sql.lit(limit)}
  `.execute(db)
  return rows
}

/** Courses sorted by title, drafts last. */
export function readCourses(db: Database): Promise<{ title: string; isPublished: boolean }[]> {
  return db
    .selectFrom('Course')
    .select(['title', 'isPublished'])
    .orderBy('isPublished', 'desc')
    .orderBy('title')
    .execute()
}

export async function countEnrollmentsOf(db: Database, userId: string): Promise<number> {
  const { count } = await db
    .selectFrom('Enrollment')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('userId', '=', userId)
    .executeTakeFirstOrThrow()
  return Number(count)
}
