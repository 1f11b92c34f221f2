import { beforeEach, describe, expect, it } from 'vitest'
import { columnsOf } from '../../db/columns.js'
import { canTellOwnRows, previewRollback, rollBack } from '../../db/rollback.js'
import { applicationDdl } from '../support/application-schema.js'
import { collect } from '../support/collect.js'
import { type TestDatabase, useDatabase } from '../support/servers.js'
import { statementsWaiting } from '../support/waiting.js'

const SINCE = new Date('2026-03-01T08:00:00.000Z')
const UNTIL = new Date('2026-03-01T09:00:00.000Z')
const OWN = `'cae' || md5(random()::text)`

async function rollBackAll(
  database: TestDatabase,
  { batchSize = 5000, status = 'active' } = {},
): Promise<number[]> {
  const window = { since: SINCE, until: UNTIL, status }
  return collect(rollBack(database.db, await columnsOf(database.db), window, batchSize))
}

describe.each([
  ['timestamp(3)', '', { timeZone: 'America/Los_Angeles' }],
  ['timestamp(3)', '', { timeZone: 'Asia/Kolkata' }],
  ['timestamptz', 'Z', { timeZone: 'America/Los_Angeles' }],
] as const)('rolling back with times of type %s%s, in %j', (timestamp, suffix, place) => {
  const database = useDatabase({ ...place, ddl: applicationDdl({ timestamp }) })

  it('covers the period from its start up to, but not including, its end, in UTC', async () => {
    await seed(database, 5)
    const times = ['07:59:59.999', '08:00:00.000', '08:59:59.999', '09:00:00.000', '09:00:00.001']
    for (const [n, time] of times.entries()) await enroll(database, n, { at: `2026-03-01 ${time}${suffix}` })
    expect(await preview(database)).toEqual([{ courseId: 'course', title: 'A course', enrollments: 2 }])
    expect(await rollBackAll(database)).toEqual([2])
    expect(await remaining(database)).toEqual(['u0', 'u3', 'u4'])
    expect(await preview(database)).toEqual([])
  })
})

describe('rolling back', () => {
  const database = useDatabase()
  beforeEach(async () => {
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await seed(database, 30)
  })

  it('leaves rows whose status was changed', async () => {
    await enroll(database, 0)
    await enroll(database, 1, { status: 'completed' })
    expect(await rollBackAll(database)).toEqual([1])
    expect(await remaining(database)).toEqual(['u1'])
  })

  it('leaves rows whose id is not exactly auto-enroll’s mark', async () => {
    const foreign = [
      `'by-hand'`,
      `'caezp1x2w0000qh8v3x2k1abc'`,
      `'cae' || repeat('0', 31)`,
      `'cae' || repeat('0', 33)`,
      `'cae' || repeat('g', 32)`,
      `'CAE' || repeat('0', 32)`,
      `'cae' || repeat('A', 32)`,
      `'xcae' || repeat('0', 31)`,
      `'cae' || repeat('0', 32) || chr(10)`,
    ]
    for (const [n, id] of foreign.entries()) await enroll(database, n, { id })
    await enroll(database, 29)
    expect(await rollBackAll(database)).toEqual([1])
    expect(await remaining(database)).toHaveLength(foreign.length)
  })

  it('previews the number per course without removing anything', async () => {
    await database.sql(`insert into "Course" values ('b', 'B', true), ('c', 'C', false)`)
    for (const n of [0, 1, 2]) await enroll(database, n)
    for (const n of [0, 1]) await enroll(database, n, { courseId: 'b' })
    expect(await preview(database)).toEqual([
      { courseId: 'course', title: 'A course', enrollments: 3 },
      { courseId: 'b', title: 'B', enrollments: 2 },
    ])
    expect(await remaining(database)).toHaveLength(5)
  })

  it('works in bounded steps until nothing is left', async () => {
    for (let n = 0; n < 25; n += 1) await enroll(database, n)
    expect(await rollBackAll(database, { batchSize: 10 })).toEqual([10, 20, 25])
    expect(await rollBackAll(database)).toEqual([0])
  })

  it('leaves a row whose status changes at the same moment, and removes the rest', async () => {
    for (let n = 0; n < 25; n += 1) await enroll(database, n)
    await database.sql('begin')
    await database.sql(`update "Enrollment" set status = 'completed' where "userId" = 'u3'`)
    const rollingBack = rollBackAll(database, { batchSize: 10 })
    await statementsWaiting(database)
    await database.sql('commit')
    expect((await rollingBack).at(-1)).toBe(24)
    expect(await remaining(database)).toEqual(['u3'])
  })

  it('stops when a trigger of the application keeps the rows', async () => {
    await enroll(database, 0)
    await database.sql(`
      create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger keep before delete on "Enrollment" for each row execute function keep()`)
    expect(await rollBackAll(database, { batchSize: 1 })).toEqual([0])
    await database.sql('drop function keep cascade')
  })
})

describe('rolling back with a status that is an enum', () => {
  const database = useDatabase({
    ddl: applicationDdl({ status: '"Status"', types: `create type "Status" as enum ('ACTIVE', 'LEFT')` }),
  })

  it('compares the status as the enum spells it, and refuses an unknown one', async () => {
    await seed(database, 2)
    await enroll(database, 0, { status: 'ACTIVE' })
    await enroll(database, 1, { status: 'LEFT' })
    await expect(rollBackAll(database)).rejects.toThrow(
      /has no value "active"; set ENROLLMENT_STATUS to one of/,
    )
    expect(await rollBackAll(database, { status: 'ACTIVE' })).toEqual([1])
    expect(await remaining(database)).toEqual(['u1'])
  })
})

describe('rolling back with enrollment ids that are not text', () => {
  const database = useDatabase({ ddl: applicationDdl({ enrollmentId: 'uuid' }) })

  it('is reported as impossible', async () => {
    expect(canTellOwnRows(await columnsOf(database.db))).toBe(false)
  })
})

async function seed(database: TestDatabase, users: number): Promise<void> {
  await database.sql(`insert into "Course" values ('course', 'A course', true)`)
  await database.sql(
    `insert into "User" (id, email, name) select 'u' || n, n, 'X' from generate_series(0, ${users - 1}) n`,
  )
}

async function enroll(
  database: TestDatabase,
  user: number,
  { id = OWN, courseId = 'course', status = 'active', at = '2026-03-01 08:30:00Z' } = {},
): Promise<void> {
  await database.sql(
    `insert into "Enrollment" (id, "userId", "courseId", status, "enrolledAt") values (${id}, $1, $2, $3, $4)`,
    [`u${user}`, courseId, status, at],
  )
}

async function preview(database: TestDatabase) {
  const window = { since: SINCE, until: UNTIL, status: 'active' }
  return previewRollback(database.db, await columnsOf(database.db), window)
}

async function remaining(database: TestDatabase): Promise<string[]> {
  const rows = await database.sql<{ userId: string }>('select "userId" from "Enrollment" order by 1')
  return rows.map(({ userId }) => userId)
}
