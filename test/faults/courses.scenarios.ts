import { describe, expect, it } from 'vitest'
import { addUsers } from './load.js'
import { play } from './scenario.js'

describe.concurrent('courses and users', () => {
  it('a course is published, one unpublished and one deleted while users are enrolled', (test) =>
    play(
      test,
      { courses: 3, perSecond: 40, lacking: LACKING_WHAT_WAS_PUBLISHED },
      async ({ database, during, faultEnds, courseIds, ...stage }) => {
        const [, unpublished, deleted] = courseIds
        await database.sql('create table published_at (at timestamp)')
        await addUsers({ database, ...stage }, 300)
        await database.sql('update "Course" set "isPublished" = false where id = $1', [unpublished])
        await during(300)
        await addUsers({ database, ...stage }, 300)
        await database.sql('delete from "Course" where id = $1', [deleted])
        await during(300)
        await addUsers({ database, ...stage }, 300)
        await database.sql(`update "Course" set "isPublished" = true where id = 'draft'`)
        await database.sql(`insert into published_at values (now() at time zone 'UTC')`)
        faultEnds()
        await during(1500)
      },
    ))

  it('users delete their accounts while they are enrolled', (test) =>
    play(test, { perSecond: 20 }, async ({ database, during, faultEnds, ...stage }) => {
      for (let round = 0; round < 5; round += 1) {
        const userIds = await addUsers({ database, ...stage }, 200)
        await database.sql('delete from "User" where id = any($1)', [
          userIds.filter((_, index) => index % 3 === 0),
        ])
        await during(200)
      }
      faultEnds()
    }))

  it('an admin enrolls by hand at the same time: those rows stay unchanged', (test) =>
    play(test, { perSecond: 20, workers: 2 }, async ({ database, queue, during, faultEnds, courseIds }) => {
      for (let round = 0; round < 5; round += 1) {
        const [userIds] = await Promise.all([addUsers({ database, queue }, 100), during(100)])
        await database.sql(ENROLL_BY_HAND, [userIds, courseIds[0]])
      }
      const before = await rowsByHand(database)
      faultEnds()
      await during(2000)
      expect(before.length).toBeGreaterThan(0)
      expect(await rowsByHand(database)).toEqual(before)
    }))
})

/** The first course was always published. The former draft is for users who signed up after it was published. */
const LACKING_WHAT_WAS_PUBLISHED = `
  select u.id from "User" u where not exists (
    select from "Enrollment" e where e."userId" = u.id and e."courseId" = 'course-1'
  ) or u."createdAt" > (select at from published_at) and not exists (
    select from "Enrollment" e where e."userId" = u.id and e."courseId" = 'draft'
  )`

const ENROLL_BY_HAND = `
  insert into "Enrollment" (id, "userId", "courseId", status, "enrolledAt")
  select 'hand-' || id, id, $2, 'paid', timestamp '2020-01-01' from unnest($1::text[]) id
  on conflict ("userId", "courseId") do nothing`

function rowsByHand(database: { sql: (text: string) => Promise<Record<string, unknown>[]> }) {
  return database.sql(`select id, "userId", "courseId", status, "enrolledAt"::text from "Enrollment"
    where id like 'hand-%' order by id`)
}
