import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import type { Database } from '../../db/schema.js'
import type { UserCreatedResult } from '../../queue/user-created.js'
import { createEnroller, type Enroll } from '../../worker/enroll.js'
import { watchForOutage } from '../../worker/outage.js'
import { probeEnrolling } from '../../worker/statements.js'
import { countEnrollments, enrollmentsOf, insertCourses, insertUsers } from '../support/application.js'
import { useBlockers } from '../support/blocking.js'
import { type PgBouncer, startPgBouncer } from '../support/pgbouncer.js'
import { useDatabase } from '../support/servers.js'

/** What everyone is promised who is not at fault. */
const WITHIN_MS = 5000

const database = useDatabase()
const { hold } = useBlockers(database)
let db: Database
let quickDb: Database
let stopping: AbortController
let outages: unknown[]
/** In which users who are held up were tried again. */
let rounds: number
let enroll: Enroll

beforeEach(async () => {
  await database.sql('truncate "User", "Course", "Enrollment" cascade')
  start()
})
afterEach(stop)

/** Starts an enroller as a worker has it, with sessions of their own. */
function start(url = database.url): void {
  db = connectDatabase(url, { applicationName: 'auto-enroll worker' })
  quickDb = connectDatabase(url, { applicationName: 'auto-enroll worker', queryTimeoutMs: 2000 })
  stopping = new AbortController()
  outages = []
  const outage = watchForOutage({
    probe: probeEnrolling(quickDb, 'active'),
    signal: stopping.signal,
    onBegin: (error) => outages.push(error),
    onEnd: () => undefined,
  })
  rounds = 0
  const onHeldUp = () => {
    rounds += 1
  }
  enroll = createEnroller({ db, quickDb, status: 'active', outage, signal: stopping.signal, onHeldUp })
}

async function stop(): Promise<void> {
  stopping.abort()
  await database.sql(`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'auto-enroll worker' and datname = current_database()`)
  await Promise.all([db.destroy(), quickDb.destroy()])
}

/** The results so far of enrolling all of them at once. */
function enrollAll(userIds: readonly string[]) {
  const results = new Map<string, UserCreatedResult | Error>()
  for (const userId of userIds) {
    enroll(userId).then(
      (result) => results.set(userId, result),
      (error: Error) => results.set(userId, error),
    )
  }
  return results
}

/** Waits until all but so many courses of so many users are given. */
const enrollments = (count: number, timeout = WITHIN_MS) =>
  expect.poll(() => countEnrollments(database), { timeout, interval: 50 }).toBe(count)

/** Waits until so many of the results are "enrolled" in so many courses. */
const enrolled = (
  results: ReadonlyMap<string, unknown>,
  users: number,
  courses: number,
  timeout = WITHIN_MS,
) =>
  expect
    .poll(
      () => {
        const wanted = JSON.stringify({ outcome: 'enrolled', enrolled: courses })
        return [...results.values()].filter((result) => JSON.stringify(result) === wanted).length
      },
      { timeout, interval: 50 },
    )
    .toBe(users)

describe.each([
  'without a statement_timeout',
  'with a statement_timeout of 1 s',
  'behind a PgBouncer in transaction mode',
])('%s', (title) => {
  let pooler: PgBouncer | undefined
  beforeAll(async () => {
    if (title.startsWith('behind')) pooler = await startPgBouncer(inject('postgresUrl'))
  })
  afterAll(() => pooler?.stop())
  beforeEach(async () => {
    await stop()
    const [row] = await database.sql<{ name: string }>('select current_database() as name')
    const change = title.startsWith('with a') ? `set statement_timeout = '1s'` : 'reset statement_timeout'
    await database.sql(`alter database ${row?.name} ${change}`)
    start(pooler?.through(database.url))
  })
  afterEach(async () => {
    const [row] = await database.sql<{ name: string }>('select current_database() as name')
    await database.sql(`alter database ${row?.name} reset statement_timeout`)
  })

  it.each([
    ['locked', 'select from "User" where id = any($1) for update'],
    ['about to be deleted', 'delete from "User" where id = any($1)'],
  ])('users who are %s keep no one else waiting, and are enrolled right after', async (_, statement) => {
    await insertCourses(database, 2)
    const userIds = await insertUsers(database, 400)
    const locked = [userIds[7], userIds[300]]
    const release = await hold(statement, [locked])
    const results = enrollAll(userIds)
    await enrollments(398 * 2)
    await enrolled(results, 398, 2)
    expect(outages).toEqual([])
    await release()
    await enrolled(results, userIds.length, 2, 2500)
  })

  it('a locked course keeps no one from the others, and is given right after', async () => {
    const courses = await insertCourses(database, 12)
    const release = await hold('select from "Course" where id = $1 for update', [courses[4]])
    const [early, late] = [await insertUsers(database, 200), await insertUsers(database, 100)]
    const results = enrollAll(early)
    await enrollments(200 * 11)
    const lateResults = enrollAll(late)
    await enrollments(300 * 11, 2000)
    expect(results.size + lateResults.size).toBe(0)
    await release()
    await enrollments(300 * 12, 2500)
    await enrolled(results, 200, 12)
    await enrolled(lateResults, 100, 12)
  })

  it('a locked course and locked users together keep no one else from the other courses', async () => {
    const courses = await insertCourses(database, 5)
    const userIds = await insertUsers(database, 200)
    const releaseCourse = await hold('select from "Course" where id = $1 for update', [courses[0]])
    const releaseUsers = await hold('select from "User" where id = any($1) for update', [
      userIds.slice(90, 100),
    ])
    const results = enrollAll(userIds)
    await enrollments(190 * 4)
    await releaseUsers()
    await enrollments(200 * 4, 4000)
    await releaseCourse()
    await enrolled(results, userIds.length, 5, 4000)
  })
})

describe('many who are locked', () => {
  it('keep no one else waiting, not even those who sign up after them', async () => {
    await insertCourses(database, 2)
    const [userIds, others] = [await insertUsers(database, 450), await insertUsers(database, 20)]
    const release = await hold('select from "User" where id = any($1) for update', [userIds.slice(0, 225)])
    enrollAll(userIds)
    enrollAll(others)
    await enrollments(245 * 2)
    await release()
    await enrollments(470 * 2, 4000)
  })

  it.each([
    { users: 300, courses: 2 },
    { users: 100, courses: 12 },
  ])(
    'keep no one waiting who signed up between them: $users users, $courses courses',
    async ({ users, courses }) => {
      await insertCourses(database, courses)
      const userIds = await insertUsers(database, users)
      const release = await hold('select from "User" where id = any($1) for update', [
        userIds.filter((_, index) => index % 2 === 0),
      ])
      const results = enrollAll(userIds)
      await enrolled(results, users / 2, courses)
      await release()
      await enrolled(results, users, courses, 4000)
    },
  )

  it('are found one by one when their locks end one by one', async () => {
    await insertCourses(database, 1)
    const userIds = await insertUsers(database, 100)
    const release = await hold('select from "User" where id = any($1) for update', [userIds.slice(0, 1)])
    await hold('select from "User" where id = any($1) for update', [userIds.slice(1)])
    const results = enrollAll(userIds)
    await expect.poll(() => results.size).toBe(0)
    await release()
    await enrolled(results, 1, 1, WITHIN_MS)
  })
})

describe('an enrollment that somebody else is about to make', () => {
  it('keeps neither its user from other courses nor others from its course', async () => {
    const courses = await insertCourses(database, 3)
    const userIds = await insertUsers(database, 50)
    const release = await hold(
      `insert into "Enrollment" (id, "userId", "courseId", status) select 'by-hand-' || id, id, $2, 'paid' from unnest($1::text[]) id`,
      [userIds.slice(0, 5), courses[1]],
    )
    const results = enrollAll(userIds)
    await enrollments(50 * 3 - 5)
    await expect.poll(() => results.size).toBe(45)
    await release()
    await enrolled(results, userIds.length, 3, 2500)
  })
})

describe('what the database refuses', () => {
  afterEach(() =>
    database.sql(`drop trigger if exists refuse on "Enrollment"; drop function if exists refuse;
      alter table "Enrollment" drop constraint if exists no_course, disable row level security, no force row level security`),
  )
  const refuse = (condition: string, raise = `raise exception 'no'`) =>
    database.sql(`create function refuse() returns trigger language plpgsql as $$ begin
      if ${condition} then ${raise}; end if; return new; end $$;
      create trigger refuse before insert on "Enrollment" for each row execute function refuse()`)

  it('in one course is given in the others, and fails with the reason', async () => {
    const courses = await insertCourses(database, 9)
    await database.sql(
      `alter table "Enrollment" add constraint no_course check ("courseId" <> '${courses[3]}')`,
    )
    const userIds = await insertUsers(database, 60)
    const results = enrollAll(userIds)
    await enrollments(60 * 8)
    await expect.poll(() => results.size).toBe(60)
    for (const result of results.values()) {
      expect(result).toMatchObject({ name: 'PermanentError', message: expect.stringContaining('no_course') })
    }
  })

  it('for some users in one course is given to all others', async () => {
    const courses = await insertCourses(database, 3)
    const userIds = await insertUsers(database, 60)
    const refused = userIds.slice(0, 30)
    await refuse(
      `new."courseId" = '${courses[0]}' and new."userId" in (${refused.map((id) => `'${id}'`).join()})`,
    )
    const results = enrollAll(userIds)
    await enrollments(60 * 3 - 30)
    await expect.poll(() => [...results.values()].filter((result) => result instanceof Error).length).toBe(30)
  })

  it('while a course is locked: one fails, the other waits', async () => {
    const courses = await insertCourses(database, 4)
    const [userId = ''] = await insertUsers(database, 1)
    await refuse(`new."courseId" = '${courses[0]}'`)
    const release = await hold('select from "Course" where id = $1 for update', [courses[1]])
    const results = enrollAll([userId])
    await enrollments(2)
    await release()
    await enrollments(3)
    await expect.poll(() => results.get(userId)).toMatchObject({ name: 'PermanentError' })
  })

  it.each(['53100', '42501', 'XX000', '40001', '23503', '57014'])(
    'with SQLSTATE %s for one user is no outage',
    async (code) => {
      await insertCourses(database, 2)
      const userIds = await insertUsers(database, 100)
      await refuse(`new."userId" = '${userIds[50]}'`, `raise exception 'no' using errcode = '${code}'`)
      const results = enrollAll(userIds)
      await enrollments(99 * 2)
      expect(outages).toEqual([])
      await expect.poll(() => results.size).toBeGreaterThanOrEqual(99)
    },
  )

  it('for many users in one course, for a reason that may pass, keeps no one else from it', async () => {
    const courses = await insertCourses(database, 2)
    const [userIds, others] = [await insertUsers(database, 150), await insertUsers(database, 50)]
    const ids = userIds.map((id) => `'${id}'`).join()
    await refuse(
      `new."courseId" = '${courses[0]}' and new."userId" in (${ids})`,
      `raise exception 'no' using errcode = '53100'`,
    )
    enrollAll(userIds)
    await enrollments(150)
    await database.sql('select pg_sleep(4)')
    await enrolled(enrollAll(others), 50, 2)
  })

  it('of everyone, for a reason that may pass, is given once it has passed', async () => {
    await insertCourses(database, 2)
    const userIds = await insertUsers(database, 100)
    await refuse('true', `raise exception 'no' using errcode = '53100'`)
    const results = enrollAll(userIds)
    await expect.poll(() => rounds, { timeout: 8000 }).toBeGreaterThan(0)
    expect(results.size).toBe(0)
    await database.sql('drop trigger refuse on "Enrollment"')
    await enrolled(results, userIds.length, 2, 8000)
  })
})

describe('what is slow', () => {
  afterEach(async () => {
    await stop()
    await database.sql('drop trigger if exists slow on "Enrollment"; drop function if exists slow')
  })
  const slow = (seconds: number, condition = 'true') =>
    database.sql(`create function slow() returns trigger language plpgsql as $$ begin
      if ${condition} then perform pg_sleep(${seconds}); end if; return new; end $$;
      create trigger slow before insert on "Enrollment" for each row execute function slow()`)

  it('20 ms a row: a burst is enrolled in as many statements as it takes', async () => {
    await insertCourses(database, 2)
    const userIds = await insertUsers(database, 300)
    await slow(0.02)
    const results = enrollAll(userIds)
    await enrollments(600, 20_000)
    await enrolled(results, userIds.length, 2)
    expect(outages).toEqual([])
  })

  it('for one user keeps no one else waiting', async () => {
    await insertCourses(database, 2)
    const userIds = await insertUsers(database, 100)
    await slow(60, `new."userId" = '${userIds[60]}'`)
    enrollAll(userIds)
    await enrollments(99 * 2, WITHIN_MS + 1000)
    expect(outages).toEqual([])
  })

  it('for one course keeps no one from the others', async () => {
    const courses = await insertCourses(database, 4)
    const userIds = await insertUsers(database, 100)
    await slow(60, `new."courseId" = '${courses[2]}'`)
    enrollAll(userIds)
    await enrollments(100 * 3, WITHIN_MS + 1000)
    expect(outages).toEqual([])
  })
})

describe('a locked table', () => {
  it('is an outage, since nobody can be enrolled, and everyone is as soon as it is over', async () => {
    const [courseId = ''] = await insertCourses(database, 1)
    const userIds = await insertUsers(database, 50)
    const release = await hold('lock table "Course" in access exclusive mode')
    const results = enrollAll(userIds)
    await expect.poll(() => outages.length, { timeout: 10_000 }).toBe(1)
    await release()
    await enrolled(results, userIds.length, 1, 4000)
    expect(await enrollmentsOf(database, userIds[0] ?? '')).toEqual({ [courseId]: 'active' })
  })
})
