import { sql } from 'kysely'
import pg from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { columnsOf } from '../../db/columns.js'
import { connectDatabase } from '../../db/connect.js'
import { enrollUsers } from '../../db/enrollments.js'
import { createEnroller } from '../../worker/enroll.js'
import { PermanentError, TransientError } from '../../worker/errors.js'
import { enrollmentsOf, insertCourses, insertUsers } from '../support/application.js'
import { applicationDdl } from '../support/application-schema.js'
import { useBlockers } from '../support/blocking.js'
import { type TestDatabase, useDatabase } from '../support/servers.js'
import { statementsWaiting } from '../support/waiting.js'

async function enroll(database: TestDatabase, userIds: string[], status = 'active') {
  return enrollUsers(database.db, await columnsOf(database.db), status, userIds)
}

describe('enrolling', () => {
  const database = useDatabase()
  beforeEach(() => database.sql('truncate "User", "Course", "Enrollment" cascade'))

  it('distinguishes new, partly new and old enrollments, and missing users', async () => {
    const [first = '', second = ''] = await insertCourses(database, 2)
    await insertCourses(database, 1, false)
    const [fresh = '', partly = '', done = ''] = await insertUsers(database, 3)
    await enrollByHand(partly, first)
    await enrollByHand(done, first)
    await enrollByHand(done, second)

    const { created, publishedCourses } = await enroll(database, [fresh, partly, done, 'nobody', fresh])
    expect(publishedCourses).toBe(2)
    expect(created).toEqual(
      new Map([
        [fresh, 2],
        [partly, 1],
        [done, 0],
      ]),
    )
    expect(await enrollmentsOf(database, partly)).toEqual({ [first]: 'left', [second]: 'active' })
    expect(await enrollmentsOf(database, done)).toEqual({ [first]: 'left', [second]: 'left' })
    const marks = await database.sql(`select id from "Enrollment" where id ~ '^cae[0-9a-f]{32}$'`)
    expect(marks).toHaveLength(3)
  })

  it('reports that no course is published, and that nobody exists', async () => {
    await insertCourses(database, 1, false)
    const [userId = ''] = await insertUsers(database, 1)
    expect(await enroll(database, [userId])).toEqual({ created: new Map([[userId, 0]]), publishedCourses: 0 })
    expect((await enroll(database, ['nobody'])).created).toEqual(new Map())
    expect((await enroll(database, [])).created).toEqual(new Map())
  })

  it('takes more ids than a statement can have parameters', async () => {
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    const nobody = Array.from({ length: 70_000 }, (_, n) => `nobody-${n}`)
    await expect(
      database.sql(`select 1 where '' in (${nobody.map((_, n) => `$${n + 1}`).join()})`, nobody),
    ).rejects.toThrow()
    expect((await enroll(database, [...nobody, userId])).created).toEqual(new Map([[userId, 1]]))
  })

  it('keeps odd ids apart', async () => {
    await insertCourses(database, 1)
    const ids = [`it's`, '"', '{a,b}', '\\', 'NULL', ' ', '$1', 'a\nb', 'ü', '😀']
    await database.sql('insert into "User" (id, email, name) select id, id, id from unnest($1::text[]) id', [
      ids,
    ])
    expect((await enroll(database, ids)).created).toEqual(new Map(ids.map((id) => [id, 1])))
  })

  it('waits for an enrollment made by hand at the same time, and leaves it as it is', async () => {
    const [first = '', second = ''] = await insertCourses(database, 2)
    const [userId = ''] = await insertUsers(database, 1)
    await database.sql('begin')
    await enrollByHand(userId, first)
    const enrolling = enroll(database, [userId])
    await statementsWaiting(database)
    await database.sql('commit')
    expect((await enrolling).created).toEqual(new Map([[userId, 1]]))
    expect(await enrollmentsOf(database, userId)).toEqual({ [first]: 'left', [second]: 'active' })
  })

  it('takes the place of one made by hand at the same time and taken back', async () => {
    const [courseId = ''] = await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await database.sql('begin')
    await enrollByHand(userId, courseId)
    const enrolling = enroll(database, [userId])
    await statementsWaiting(database)
    await database.sql('rollback')
    expect((await enrolling).created).toEqual(new Map([[userId, 1]]))
  })

  it.each(['User', 'Course'])(
    'fails whole when a %s is deleted meanwhile, and passes when repeated',
    async (table) => {
      const courses = await insertCourses(database, 2)
      const users = await insertUsers(database, 2)
      const deleted = table === 'User' ? users[0] : courses[0]
      await database.sql('begin')
      await database.sql(`delete from "${table}" where id = $1`, [deleted])
      const enrolling = enroll(database, users).catch((error: unknown) => error)
      await statementsWaiting(database)
      await database.sql('commit')
      expect(await enrolling).toMatchObject({ code: '23503' })
      expect(await database.sql('select from "Enrollment"')).toHaveLength(0)

      const { created } = await enroll(database, users)
      expect([...created.values()]).toEqual(table === 'User' ? [2] : [1, 1])
    },
  )

  it('refuses an id with a NUL, which costs nobody else the enrollment', async () => {
    await insertCourses(database, 1)
    const users = await insertUsers(database, 3)
    await expect(enroll(database, [...users, 'a\0b'])).rejects.toMatchObject({ code: '22021' })
    await expectOnlyPoisonFails(database, users, 'a\0b')
  })

  async function enrollByHand(userId: string, courseId: string): Promise<void> {
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status) values (gen_random_uuid(), $1, $2, 'left')`,
      [userId, courseId],
    )
  }
})

describe('enrolling in opposite order at the same time', () => {
  // After its first row each statement waits for the gate, so both are halfway when it opens.
  const gate = `
    create function wait_halfway() returns trigger language plpgsql as $$ begin
      if current_setting('gate.halfway', true) = 'yes' then perform pg_advisory_xact_lock_shared(1); end if;
      perform set_config('gate.halfway', 'yes', true);
      return new;
    end $$;
    create trigger wait_halfway before insert on "Enrollment" for each row execute function wait_halfway();
    do $$ begin execute format('alter database %I set deadlock_timeout = ''20ms''', current_database()); end $$`
  const database = useDatabase({ ddl: `${applicationDdl({})}; ${gate}` })
  const ROUNDS = 5

  /** Of two statements over the same users in each round, one in the opposite order: how many deadlocked. */
  async function deadlocks(insert: (userIds: string[]) => Promise<unknown>): Promise<number> {
    let deadlocked = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const users = await insertUsers(database, 2)
      await database.sql('select pg_advisory_lock(1)')
      const inserting = Promise.allSettled([insert(users), insert(users.toReversed())])
      await statementsWaiting(database, 2)
      await database.sql('select pg_advisory_unlock(1)')
      for (const outcome of await inserting) {
        if (outcome.status === 'fulfilled') continue
        expect(outcome.reason).toMatchObject({ code: '40P01' })
        deadlocked += 1
      }
    }
    return deadlocked
  }

  it('deadlocks when rows are inserted as they were asked for', async () => {
    await insertCourses(database, 1)
    const pool = new pg.Pool({ connectionString: database.url })
    const inAskedOrder = (userIds: string[]) =>
      pool.query(
        `insert into "Enrollment" (id, "userId", "courseId", status)
         select gen_random_uuid(), asked.id, c.id, 'active'
         from unnest($1::text[]) with ordinality asked(id, place), "Course" c order by place
         on conflict ("userId", "courseId") do nothing`,
        [userIds],
      )
    expect(await deadlocks(inAskedOrder)).toBe(ROUNDS)
    await pool.end()
  })

  it('never deadlocks here', async () => {
    await insertCourses(database, 1)
    expect(await deadlocks((userIds) => enroll(database, userIds))).toBe(0)
  })
})

describe('enrolling where ids are uuid', () => {
  const database = useDatabase({
    ddl: applicationDdl({ userId: 'uuid', courseId: 'uuid', enrollmentId: 'uuid' }),
  })
  const USERS = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002']

  beforeEach(async () => {
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await database.sql(`insert into "Course" values (gen_random_uuid(), 'One', true)`)
    await database.sql('insert into "User" (id, email, name) select id, id, id from unnest($1::uuid[]) id', [
      USERS,
    ])
  })

  it('knows a user by every spelling, and enrolls once', async () => {
    const [lower = '', other = ''] = USERS
    const spellings = [lower.toUpperCase(), lower, `{${lower.replaceAll('-', '')}}`]
    const { created } = await enroll(database, [...spellings, other])
    expect([...created.keys()].sort()).toEqual([...spellings, other].sort())
    expect(Object.keys(await enrollmentsOf(database, lower))).toHaveLength(1)
    expect(await database.sql('select from "Enrollment"')).toHaveLength(2)
  })

  it('refuses what is no uuid, which costs nobody else the enrollment', async () => {
    await expect(enroll(database, [...USERS, 'u1'])).rejects.toMatchObject({ code: '22P02' })
    await expectOnlyPoisonFails(database, USERS, 'u1')
  })
})

describe('enrolling where ids are bounded and the status is an enum', () => {
  const enumDdl = applicationDdl({
    userId: 'varchar(30)',
    status: '"Status"',
    types: `create type "Status" as enum ('ACTIVE', 'LEFT')`,
  })
  const database = useDatabase({ ddl: enumDdl })

  it('never takes an id for the shorter one that it begins with', async () => {
    const id = 'x'.repeat(30)
    await database.sql(`insert into "User" (id, email, name) values ($1, 'x@example.com', 'X')`, [id])
    await insertCourses(database, 1)
    expect((await enroll(database, [`${id}y`], 'ACTIVE')).created).toEqual(new Map())
    expect((await enroll(database, [id], 'ACTIVE')).created).toEqual(new Map([[id, 1]]))
  })

  it('with a status that the enum lacks is put off, and says which there are', async () => {
    const message =
      '"Enrollment"."status" has no value "active"; set ENROLLMENT_STATUS to one of ACTIVE, LEFT'
    await expect(enroll(database, ['u1'])).rejects.toThrow(message)
    const worker = createEnroller({ db: database.db, status: 'active' })
    await expect(worker('u1')).rejects.toThrow(new TransientError(message))
  })
})

describe('enrolling where an id column is shorter than any unique id', () => {
  const database = useDatabase({ ddl: applicationDdl({ enrollmentId: 'varchar(18)' }) })

  it('says so', async () => {
    const db = connectDatabase(database.url)
    await expect(enrollUsers(db, await columnsOf(db), 'active', ['u'])).rejects.toThrow(
      '"Enrollment"."id" takes 18 characters; an id needs 19 or more',
    )
    await db.destroy()
  })
})

async function expectOnlyPoisonFails(database: TestDatabase, users: string[], poison: string): Promise<void> {
  const worker = createEnroller({ db: database.db, status: 'active' })
  const outcomes = await Promise.allSettled([poison, ...users].map((userId) => worker(userId)))
  const [failed, ...rest] = outcomes
  expect(failed).toMatchObject({ status: 'rejected', reason: expect.any(PermanentError) })
  expect(rest).toEqual(
    users.map(() => ({ status: 'fulfilled', value: { outcome: 'enrolled', enrolled: 1 } })),
  )
}

describe('a lock that somebody else keeps', () => {
  const database = useDatabase()
  const { hold } = useBlockers(database)

  it('is waited for as long as the statement says, which keeps no setting for the next', async () => {
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await hold('select from "User" where id = $1 for update', [userId])
    const db = connectDatabase(database.url, { max: 1 })
    const columns = await columnsOf(db)
    const startedAt = performance.now()
    await expect(enrollUsers(db, columns, 'active', [userId], { lockTimeoutMs: 100 })).rejects.toMatchObject({
      code: '55P03',
    })
    expect(performance.now() - startedAt).toBeLessThan(2000)
    expect(await sql`show lock_timeout`.execute(db)).toMatchObject({ rows: [{ lock_timeout: '0' }] })
    await enrollUsers(db, columns, 'active', [], { lockTimeoutMs: 100 })
    expect(await sql`show lock_timeout`.execute(db)).toMatchObject({ rows: [{ lock_timeout: '0' }] })
    await db.destroy()
  })
})

describe('a statement that gets no response in time', () => {
  const database = useDatabase()

  it('is canceled on the server', async () => {
    const db = connectDatabase(database.url, { queryTimeoutMs: 200 })
    await expect(sql`select pg_sleep(60)`.execute(db)).rejects.toThrow('Query read timeout')
    await expect
      .poll(
        () =>
          database.sql(
            `select pid from pg_stat_activity where query like '%pg_sleep(60)' and state = 'active'`,
          ),
        {
          timeout: 5000,
        },
      )
      .toEqual([])
    await db.destroy()
  })
})
