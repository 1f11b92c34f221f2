import { sql } from 'kysely'
import type { Database } from '../../db/schema.js'
import { ENROLLED_BY_HAND, ENROLLMENT_BY_HAND } from './cast.js'
import { many, PATIENCE_MS, type Seen, type Step } from './step.js'
import { until } from './until.js'

/** What is in the database, counted with SQL that only this check uses. */
interface Counted {
  users: number
  enrollments: number
  publishedCourses: number
  /** Pairs of user and published course that have no enrollment, except for the user who was enrolled by hand. */
  missing: number
  duplicates: number
  /** Enrollments in a course that is not published. */
  inDrafts: number
  /** Whether the user who was enrolled by hand still has exactly that one enrollment, unchanged. */
  handMadeUntouched: boolean
}

export async function countEverything(db: Database): Promise<Counted> {
  const { rows } = await sql<Counted>`
    select
      (select count(*)::int from "User") as users,
      (select count(*)::int from "Enrollment") as enrollments,
      (select count(*)::int from "Course" where "isPublished") as "publishedCourses",
      (select count(*)::int from "User" u cross join "Course" c left join "Enrollment" e
        on e."userId" = u.id and e."courseId" = c.id
        where c."isPublished" and e.id is null and u.id <> ${ENROLLED_BY_HAND.id}) as missing,
      (select coalesce(sum(times - 1), 0)::int from
        (select count(*) as times from "Enrollment" group by "userId", "courseId") pairs) as duplicates,
      (select count(*)::int from "Enrollment" e join "Course" c on c.id = e."courseId" where not c."isPublished")
        as "inDrafts",
      (select array_agg(row(e.id, e."courseId", e.status)::text)
          = array[row(${ENROLLMENT_BY_HAND.id}::text, ${ENROLLMENT_BY_HAND.courseId}::text, ${ENROLLMENT_BY_HAND.status}::text)::text]
          and min(e."enrolledAt") < (now() at time zone 'UTC') - interval '1 day'
        from "Enrollment" e where e."userId" = ${ENROLLED_BY_HAND.id}) is true as "handMadeUntouched"
  `.execute(db)
  const [counted] = rows
  if (counted === undefined) throw new Error('the database returned no row for a count')
  return counted
}

export function passes({
  users,
  publishedCourses,
  missing,
  duplicates,
  inDrafts,
  handMadeUntouched,
}: Counted) {
  return users > 0 && publishedCourses > 0 && missing + duplicates + inDrafts === 0 && handMadeUntouched
}

/** Decides whether the tour succeeded, from the database only: everyone enrolled, nobody twice, the manual enrollment unchanged. */
export const finalCheck: Step = {
  name: 'Final check',
  about: 'SQL counts in the database whether everyone is enrolled.',
  async run({ db }, signal): Promise<Seen> {
    // Someone may have signed up on the page a moment ago.
    await until(async () => (await countEverything(db)).missing === 0, PATIENCE_MS, signal)
    const counted = await countEverything(db)
    return {
      ok: passes(counted),
      text:
        `${many(counted.users, 'user')}, ${many(counted.enrollments, 'enrollment')}; ${counted.missing} missing, ` +
        `${many(counted.duplicates, 'duplicate')}, ${counted.inDrafts} in the draft; the manual one is ` +
        (counted.handMadeUntouched ? 'unchanged' : 'CHANGED'),
      facts: { ...counted },
    }
  },
}
