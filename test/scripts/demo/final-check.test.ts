import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { readSettings } from '../../../config/settings.js'
import { countEverything, passes } from '../../../scripts/demo/final-check.js'
import { openStage, type Stage } from '../../../scripts/demo/stage.js'
import { useDatabase } from '../../support/servers.js'

describe('the final check of the demo', () => {
  const database = useDatabase()
  let stage: Stage

  beforeAll(async () => {
    const settings = readSettings({ DATABASE_URL: database.url, QUEUE_URL: `${inject('redisUrl')}/3` })
    stage = await openStage(settings, pino({ level: 'silent' }))
    await database.sql('set search_path = auto_enroll_demo')
  })
  afterAll(() => stage.close())

  const enrollEveryone = `
    insert into "Enrollment" (id, "userId", "courseId", status)
    select u.id || c.id, u.id, c.id, 'active' from "User" u cross join "Course" c
    where c."isPublished" and u.id <> 'user-edsger'`

  it('fails before anyone is enrolled, and passes once everyone is', async () => {
    expect(await countEverything(stage.db)).toMatchObject({ users: 6, enrollments: 1, missing: 10 })
    expect(passes(await countEverything(stage.db))).toBe(false)
    await database.sql(enrollEveryone)
    expect(await countEverything(stage.db)).toMatchObject({ enrollments: 11, missing: 0 })
    expect(passes(await countEverything(stage.db))).toBe(true)
  })

  it.each([
    [
      'an enrollment is missing',
      `delete from "Enrollment" where "userId" = 'user-ada' and "courseId" = 'course-sql'`,
    ],
    [
      'somebody is in the draft',
      `insert into "Enrollment" values ('x', 'user-ada', 'course-draft', 'active', now())`,
    ],
    [
      'somebody is enrolled twice',
      `drop index "Enrollment_userId_courseId_key"; insert into "Enrollment" values ('x', 'user-ada', 'course-sql', 'active', now())`,
    ],
    [
      'the manual enrollment has another status',
      `update "Enrollment" set status = 'left' where "userId" = 'user-edsger'`,
    ],
    [
      'the manual enrollment was replaced',
      `update "Enrollment" set "enrolledAt" = now() where "userId" = 'user-edsger'`,
    ],
    ['the manual enrollment is gone', `delete from "Enrollment" where "userId" = 'user-edsger'`],
    [
      'the user who was enrolled by hand got another course',
      `insert into "Enrollment" values ('x', 'user-edsger', 'course-queues', 'active', now())`,
    ],
    ['there are no users', `delete from "User"`],
  ])('fails when %s', async (_what, statement) => {
    await stage.db
      .transaction()
      .execute(async (tx) => {
        await sql.raw(statement).execute(tx)
        expect(passes(await countEverything(tx))).toBe(false)
        throw new Error('rolled back')
      })
      .catch((error: Error) => expect(error.message).toBe('rolled back'))
  })
})
