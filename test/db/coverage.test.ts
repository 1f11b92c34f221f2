import { beforeEach, describe, expect, it } from 'vitest'
import { readCompleteness, readCoverage, readUserCoverage } from '../../db/coverage.js'
import { insertCourses } from '../support/application.js'
import { useDatabase } from '../support/servers.js'

describe('coverage', () => {
  const database = useDatabase()
  beforeEach(async () => {
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await database.sql('create unique index if not exists one on "Enrollment" ("userId", "courseId")')
  })

  it('of nobody is complete', async () => {
    expect(await readCoverage(database.db)).toEqual({
      users: 0,
      withEnrollment: 0,
      withoutEnrollment: 0,
      coverage: 100,
      enrollments: 0,
      publishedCourses: 0,
      duplicates: 0,
      partlyEnrolled: 0,
      missingEnrollments: 0,
    })
  })

  it('counts a user with any enrollment, whatever its status and course', async () => {
    const [published, draft] = [
      ...(await insertCourses(database, 1)),
      ...(await insertCourses(database, 1, false)),
    ]
    await insertUsers(4)
    await enroll('u1', published, 'active')
    await enroll('u1', draft, 'active')
    await enroll('u2', published, 'left')
    await enroll('u3', draft, 'active')
    expect(await readCoverage(database.db)).toEqual({
      users: 4,
      withEnrollment: 3,
      withoutEnrollment: 1,
      coverage: 75,
      enrollments: 4,
      publishedCourses: 1,
      duplicates: 0,
      partlyEnrolled: 1,
      missingEnrollments: 1,
    })
  })

  it.each([
    [100, 57, 57],
    [3, 1, 33.33],
    [3, 2, 66.66],
    [3000, 2999, 99.96],
    [20_001, 20_000, 99.99],
    [7, 7, 100],
  ])(
    'of %i users of whom %i are enrolled is %f per cent, and 100 only for everybody',
    async (users, enrolled, coverage) => {
      const [courseId] = await insertCourses(database, 1)
      await insertUsers(users)
      await database.sql(
        `insert into "Enrollment" (id, "userId", "courseId", status) select 'e' || n, 'u' || n, $1, 'active'
       from generate_series(1, ${enrolled}) n`,
        [courseId],
      )
      expect(await readCoverage(database.db)).toMatchObject({ users, withEnrollment: enrolled, coverage })
    },
  )

  it('counts repeated enrollments where the unique key is missing', async () => {
    await database.sql('drop index one, "Enrollment_userId_courseId_key"')
    const [first, second] = await insertCourses(database, 2)
    await insertUsers(2)
    for (const courseId of [first, first, first, second]) await enroll('u1', courseId, 'active')
    await enroll('u2', second, 'active')
    expect(await readCoverage(database.db)).toMatchObject({ enrollments: 5, duplicates: 2, coverage: 100 })
  })

  it('counts users who lack courses that were published later, and how many they lack', async () => {
    const [early = '', late = ''] = await insertCourses(database, 2)
    const [draft = ''] = await insertCourses(database, 1, false)
    await insertUsers(4)
    for (const userId of ['u1', 'u2', 'u3']) await enroll(userId, early, 'active')
    await enroll('u1', late, 'left')
    await enroll('u3', draft, 'active')
    expect(await readCompleteness(database.db)).toEqual({
      enrollments: 5,
      duplicates: 0,
      partlyEnrolled: 2,
      missingEnrollments: 2,
    })
    expect(await readUserCoverage(database.db)).toMatchObject({ users: 4, withoutEnrollment: 1 })
    for (const userId of ['u2', 'u3']) await enroll(userId, late, 'active')
    expect(await readCompleteness(database.db)).toEqual({
      enrollments: 7,
      duplicates: 0,
      partlyEnrolled: 0,
      missingEnrollments: 0,
    })
  })

  async function insertUsers(count: number): Promise<void> {
    await database.sql(
      `insert into "User" (id, email, name) select 'u' || n, n, 'X' from generate_series(1, ${count}) n`,
    )
  }

  async function enroll(userId: string, courseId: string | undefined, status: string): Promise<void> {
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status) values (gen_random_uuid(), $1, $2, $3)`,
      [userId, courseId, status],
    )
  }
})
