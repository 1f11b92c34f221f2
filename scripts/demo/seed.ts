import { sql } from 'kysely'
import type { Database } from '../../db/schema.js'
import { COURSES, ENROLLED_BY_HAND, ENROLLMENT_BY_HAND, NEVER_ENROLLED } from './cast.js'

/**
 * An application before auto-enroll: 6 users, of whom 5 have no enrollment and one was enrolled in a course by hand; 2
 * published courses and a draft.
 */
export async function seed(db: Database): Promise<void> {
  const users = [...NEVER_ENROLLED, ENROLLED_BY_HAND]
  await sql`
    insert into "User" (id, email, name, "createdAt")
    select id, email, name, (now() at time zone 'UTC') - interval '30 days'
    from json_to_recordset(${JSON.stringify(users)}::json) as given(id text, email text, name text)
  `.execute(db)
  await db
    .insertInto('Course')
    .values([...COURSES])
    .execute()
  await sql`
    insert into "Enrollment" (id, "userId", "courseId", status, "enrolledAt")
    select id, "userId", "courseId", status, (now() at time zone 'UTC') - interval '7 days'
    from json_to_record(${JSON.stringify(ENROLLMENT_BY_HAND)}::json)
      as given(id text, "userId" text, "courseId" text, status text)
  `.execute(db)
}
