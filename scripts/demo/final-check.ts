import { sql } from 'kysely'
import type { Database } from '../../db/schema.js'
import { ENROLLED_BY_HAND, ENROLLMENT_BY_HAND } from './cast.js'
import { many, PATIENCE_MS, type Seen, type Step } from './step.js'
import { until } from './until.js'

/** What the database holds, counted by SQL of the check's own. */
interface Counted {
  users: number
  enrollments: number
  publishedCourses: number
  /** Pairs of a user and a published course without an enrollment, but for the user who was enrolled by hand. */
  missing: number
  duplicates: number
  /** Enrollments in a course that is not published. */
  inDrafts: number
  /** Whether the user who was enrolled by hand has that one enrollment, as it was. */
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
  if (counted === undefined) throw new Error('the database answered a count with no row')
  return counted
}

export function holds({
  users,
  publishedCourses,
  missing,
  duplicates,
  inDrafts,
  handMadeUntouched,
}: Counted) {
  return users > 0 && publishedCourses > 0 && missing + duplicates + inDrafts === 0 && handMadeUntouched
}

/** Decides the tour, by the database alone: everyone enrolled, nobody twice, and what was made by hand as it was. */
export const finalCheck: Step = {
  name: 'Final check',
  about: 'SQL counts in the database what the tour was to bring about.',
  async run({ db }, signal): Promise<Seen> {
    // Somebody may have signed up on the page a moment ago.
    await until(async () => (await countEverything(db)).missing === 0, PATIENCE_MS, signal)
    const counted = await countEverything(db)
    return {
      ok: holds(counted),
      text:
        `${many(counted.users, 'user')}, ${many(counted.enrollments, 'enrollment')}; ${counted.missing} missing, ` +
        `${many(counted.duplicates, 'duplicate')}, ${counted.inDrafts} in the draft; the one made by hand is ` +
        (counted.handMadeUntouched ? 'untouched' : 'CHANGED'),
      facts: { ...counted },
    }
  },
}
