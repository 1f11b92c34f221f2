import { sql } from 'kysely'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Database } from '../../db/schema.js'
import { createEnroller } from '../../worker/enroll.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { applicationDdl } from '../support/application-schema.js'
import { useDatabase } from '../support/servers.js'
import { statementsWaiting } from '../support/waiting.js'

// A sequence counts also the statements that fail, since it is not rolled back.
const COUNTED = `
  create sequence statements;
  create function count_statement() returns trigger language plpgsql as $$ begin
    perform nextval('statements');
    return null;
  end $$;
  create trigger count_statement before insert on "Enrollment" for each statement execute function count_statement();
  create function refuse() returns trigger language plpgsql as $$ begin
    if new."userId" like 'poisoned-%' then raise exception 'no'; end if;
    if new."userId" like 'unlucky-%' then raise exception 'not now' using errcode = 'serialization_failure'; end if;
    return new;
  end $$;
  create trigger refuse before insert on "Enrollment" for each row execute function refuse();`

const database = useDatabase({ ddl: `${applicationDdl({})}; ${COUNTED}` })

beforeEach(async () => {
  await database.sql('truncate "User", "Course", "Enrollment" cascade')
  await database.sql('alter sequence statements restart')
})

async function statements(): Promise<number> {
  const [row] = await database.sql<{ count: number }>(
    'select case when is_called then last_value::int else 0 end as count from statements',
  )
  return row?.count ?? 0
}

/** An enroller, and how many users each of its statements named. */
function enrollerOn(db: Database) {
  const batches: number[] = []
  const enroll = createEnroller({ db, status: 'active', onStatement: (users) => batches.push(users) })
  return {
    batches,
    enroll,
    enrollAll: (userIds: string[]) => Promise.allSettled(userIds.map((userId) => enroll(userId))),
  }
}

async function insertUser(id: string): Promise<string> {
  await database.sql(`insert into "User" (id, email, name) values ($1, $1, 'Somebody')`, [id])
  return id
}

describe('jobs that are active at the same moment', () => {
  it('share one statement, and each has an outcome of its own', async () => {
    await insertCourses(database, 2)
    const { batches, enrollAll } = enrollerOn(database.db)
    const [known = '', ...fresh] = await insertUsers(database, 199)
    await enrollAll([known])

    const results = await enrollAll([known, 'nobody', ...fresh])
    const values = results.map((result) => result.status === 'fulfilled' && result.value)
    expect(values.slice(0, 2)).toEqual([
      { outcome: 'already-enrolled', enrolled: 0 },
      { outcome: 'user-not-found', enrolled: 0 },
    ])
    expect(values.slice(2)).toEqual(fresh.map(() => ({ outcome: 'enrolled', enrolled: 2 })))
    expect(batches).toEqual([1, 200])
  })

  it('share the next statement when two are under way', async () => {
    await insertCourses(database, 1)
    const userIds = await insertUsers(database, 30)
    const { batches, enrollAll } = enrollerOn(database.db)
    const parts = [
      [0, 10],
      [10, 12],
      [12, 20],
      [20, 30],
    ].map(([from, to]) => userIds.slice(from, to))
    const enrolling: Promise<unknown>[] = []
    await database.db.transaction().execute(async (other) => {
      await sql`lock table "Enrollment" in share mode`.execute(other)
      for (const [index, part] of parts.entries()) {
        enrolling.push(enrollAll(part))
        await statementsWaiting(database, Math.min(index + 1, 2))
      }
    })
    await Promise.all(enrolling)
    expect(batches.toSorted((a, b) => a - b)).toEqual([2, 10, 18])
  })

  it('never become a statement of more than 500 users', async () => {
    await insertCourses(database, 1)
    const { batches, enrollAll } = enrollerOn(database.db)
    await enrollAll(await insertUsers(database, 1100))
    expect(batches.toSorted((a, b) => a - b)).toEqual([100, 500, 500])
    expect(await countEnrollments(database)).toBe(1100)
  })

  it('never become a statement of more than 20,000 rows, also when courses were published since the last', async () => {
    const { batches, enrollAll } = enrollerOn(database.db)
    await enrollAll(await insertUsers(database, 2))
    await insertCourses(database, 2000)
    await enrollAll(await insertUsers(database, 25))
    expect(Math.max(...batches)).toBe(10)
    expect(await countEnrollments(database)).toBe(50_000)
  })

  it('do not wait for a backlog', async () => {
    await insertCourses(database, 1)
    const [backlog, [live = '']] = [await insertUsers(database, 1200), await insertUsers(database, 1)]
    const { batches, enroll } = enrollerOn(database.db)
    // Opening a connection takes longer than a statement.
    await Promise.all([1, 2, 3].map(() => sql`select pg_sleep(0.01)`.execute(database.db)))
    const done: string[] = []
    const enrolling = backlog.map((userId) => enroll(userId, 'backlog').then(() => done.push('backlog')))
    await Promise.all([...enrolling, enroll(live).then(() => done.push('live'))])
    expect(batches.toSorted((a, b) => a - b)).toEqual([1, 200, 500, 500])
    expect(done.indexOf('live')).toBeLessThanOrEqual(500)
  })

  it('wait for no timer', async () => {
    await insertCourses(database, 1)
    const userIds = await insertUsers(database, 2)
    const { enrollAll } = enrollerOn(database.db)
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval'] })
    try {
      await enrollAll(userIds)
    } finally {
      vi.useRealTimers()
    }
    expect(await countEnrollments(database)).toBe(2)
  })
})

describe('a user who cannot be enrolled', () => {
  it('fails alone, in a logarithmic number of statements', async () => {
    await insertCourses(database, 2)
    const [healthy, poisoned] = [await insertUsers(database, 255), await insertUser('poisoned-1')]
    const { enrollAll } = enrollerOn(database.db)
    const results = await enrollAll([...healthy.slice(0, 100), poisoned, ...healthy.slice(100)])

    expect(results.map(({ status }) => status).indexOf('rejected')).toBe(100)
    expect(results[100]).toMatchObject({ reason: { name: 'PermanentError' } })
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect(await countEnrollments(database)).toBe(255 * 2)
    expect(await statements()).toBeLessThan(10 * Math.log2(256))
  })

  it('for a reason that may pass is retried later, and no one else', async () => {
    await insertCourses(database, 1)
    const [healthy, unlucky] = [await insertUsers(database, 9), await insertUser('unlucky-1')]
    const { enrollAll } = enrollerOn(database.db)
    const results = await enrollAll([...healthy, unlucky])

    expect(results.at(-1)).toMatchObject({ reason: { name: 'TransientError' } })
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect(await countEnrollments(database)).toBe(9)
  })
})
