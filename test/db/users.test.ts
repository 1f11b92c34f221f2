import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { columnsOf } from '../../db/columns.js'
import type { Schema } from '../../db/schema.js'
import { countUsersWithoutEnrollment, hasEnrollment, usersWithoutEnrollment } from '../../db/users.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { applicationDdl } from '../support/application-schema.js'
import { collect } from '../support/collect.js'
import { type TestDatabase, useDatabase } from '../support/servers.js'

describe('a user', () => {
  const database = useDatabase()
  beforeAll(() =>
    database.sql(
      `insert into "User" (id, email, name) values ('old', 'a@example.com', 'A'), ('lower', 'b@example.com', 'B')`,
    ),
  )

  it('has an enrollment or none', async () => {
    const columns = await columnsOf(database.db)
    const [courseId] = await insertCourses(database, 1)
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status) values ('by-hand', 'old', $1, 'left')`,
      [courseId],
    )
    expect(await hasEnrollment(database.db, columns, 'old')).toBe(true)
    expect(await hasEnrollment(database.db, columns, 'lower')).toBe(false)
  })
})

const ODD_IDS = [
  ...[
    'a',
    'A',
    'á',
    'ä',
    'Z',
    'z',
    'ab',
    'a b',
    'a-b',
    'A-B',
    'a.b',
    'ß',
    'ss',
    '\u00e9',
    'e\u0301',
    'ﬁ',
    'fi',
  ],
  ...[
    '-1',
    '0',
    '1',
    '10',
    '9',
    '_',
    ' ',
    '  ',
    '\n',
    '\t',
    '%',
    '\\',
    "it's",
    '"',
    '$1',
    'Ω',
    '日本',
    '😀',
    '\u200b',
  ],
]

describe.each([
  ['by their bytes', { ddl: applicationDdl({}) }],
  ['by ICU’s en-US', { ddl: applicationDdl({}), icuLocale: 'en-US' }],
  ['by ICU, numbers in their order', { ddl: applicationDdl({}), icuLocale: 'en-US-u-kn-true' }],
  [
    'by a collation of the column alone',
    {
      ddl: `${applicationDdl({})}; alter table "Enrollment" drop constraint "Enrollment_userId_fkey";
        alter table "User" alter id type text collate "de-x-icu";
        alter table "Enrollment" alter "userId" type text collate "de-x-icu"`,
    },
  ],
  ['with varchar(191)', { ddl: applicationDdl({ userId: 'varchar(191)' }), icuLocale: 'sv' }],
])('pages of odd ids, compared %s', (_, options) => {
  const database = useDatabase(options)

  it.each([1, 3, 1000])('of %i have each user once, in the database’s order', async (pageSize) => {
    await database.sql('truncate "User" cascade')
    await database.sql(`insert into "User" (id, email, name) select id, id, 'X' from unnest($1::text[]) id`, [
      ODD_IDS,
    ])
    const inOrder = await database.sql<{ id: string }>('select id from "User" order by id')
    const pages = await collect(usersWithoutEnrollment(database.db, await columnsOf(database.db), pageSize))
    expect(pages.flat().map(({ id }) => id)).toEqual(inOrder.map(({ id }) => id))
    expect(pages.flat()).toHaveLength(ODD_IDS.length)
    expect(await countUsersWithoutEnrollment(database.db)).toBe(ODD_IDS.length)
  })
})

describe('pages of numbered users', () => {
  const database = useDatabase({ ddl: applicationDdl({ userId: 'bigserial' }) })

  it('are in the order of the numbers, and exact beyond what a JavaScript number holds', async () => {
    await database.sql(`insert into "User" (email, name) select 'e' || n, 'X' from generate_series(1, 120) n`)
    await database.sql(`insert into "User" (id, email, name) values (9007199254740993, 'far', 'X')`)
    const pages = await collect(usersWithoutEnrollment(database.db, await columnsOf(database.db), 7))
    expect(pages.flat().map(({ id }) => id)).toEqual([
      ...Array.from({ length: 120 }, (_, n) => String(n + 1)),
      '9007199254740993',
    ])
  })
})

describe('pages', () => {
  const database = useDatabase()

  it('skip nobody and repeat nobody while rows come and go', async () => {
    const [courseId] = await insertCourses(database, 1)
    const add = (...ids: string[]) =>
      database.sql(`insert into "User" (id, email, name) select id, id, 'X' from unnest($1::text[]) id`, [
        ids,
      ])
    await add('b', 'd', 'f', 'h', 'j', 'l')
    const pages = usersWithoutEnrollment(database.db, await columnsOf(database.db), 2)
    expect(await next(pages)).toEqual(['b', 'd'])
    await database.sql(`delete from "User" where id in ('d', 'f')`)
    await add('a', 'c', 'i')
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status) values ('e', 'j', $1, 'left')`,
      [courseId],
    )
    expect(await next(pages)).toEqual(['h', 'i'])
    expect(await next(pages)).toEqual(['l'])
    expect(await next(pages)).toBeUndefined()
  })

  it('end when they are full and nobody is left', async () => {
    await database.sql('truncate "User" cascade')
    await insertUsers(database, 4)
    const pages = await collect(usersWithoutEnrollment(database.db, await columnsOf(database.db), 2))
    expect(pages.map((page) => page.length)).toEqual([2, 2])
  })

  async function next(pages: AsyncIterator<{ id: string }[]>): Promise<string[] | undefined> {
    const { value, done } = await pages.next()
    return done ? undefined : value.map(({ id }: { id: string }) => id)
  }
})

describe.each([
  ['cuids', `'c' || md5(n::text)`, applicationDdl({})],
  ['uuids', 'md5(n::text)::uuid', applicationDdl({ userId: 'uuid' })],
  ['numbers', 'n', applicationDdl({ userId: 'bigserial' })],
])('a page of 50,000 users with %s, of whom one in ten is not enrolled', (_, id, ddl) => {
  const database = useDatabase({ ddl })
  beforeAll(async () => {
    await insertCourses(database, 1)
    // The keys are checked by the numbers below; checking them row by row would only take time.
    await database.sql('set session_replication_role = replica')
    await database.sql(
      `insert into "User" (id, email, name) select ${id}, n || '@example.com', 'X' from generate_series(1, 50000) n`,
    )
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId", status)
       select 'e' || u.email, u.id, c.id, 'active' from "User" u, "Course" c where u.email not like '%0@example.com'`,
    )
    await database.sql('vacuum analyze "User", "Enrollment"')
  })

  it.each(['first', 'later'])(
    'reads the two keys in their order and sorts nothing: the %s one',
    async (which) => {
      const [page = '', laterPage = ''] = await plansOf(database, 2)
      const plan = which === 'first' ? page : laterPage
      expect(plan).toMatch(/Anti Join/)
      expect(plan).toMatch(/Index Only Scan using "User_pkey"/)
      expect(plan).toMatch(/Index Only Scan using "Enrollment_userId_courseId_key"/)
      expect(plan).not.toMatch(/Sort|Seq Scan|Hash/)
    },
  )

  it('finds them all', async () => {
    expect(await countUsersWithoutEnrollment(database.db)).toBe(5000)
    const pages = await collect(usersWithoutEnrollment(database.db, await columnsOf(database.db)))
    expect(new Set(pages.flat().map((user) => user.id)).size).toBe(5000)
  })
})

/** The plans of the statements that fetch the first pages, as they are sent. */
async function plansOf(database: TestDatabase, count: number): Promise<string[]> {
  const plans: Promise<string>[] = []
  const pool = new pg.Pool({ connectionString: database.url })
  const db = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool }),
    log: ({ query }) => {
      if (query.sql.includes('not exists')) plans.push(explain(query.sql, [...query.parameters]))
    },
  })
  const columns = await columnsOf(db)
  const pages = usersWithoutEnrollment(db, columns)
  for (let page = 0; page < count; page += 1) await pages.next()
  const explained = await Promise.all(plans)
  await db.destroy()
  return explained

  async function explain(statement: string, parameters: unknown[]): Promise<string> {
    const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${statement}`, parameters)
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }
}
