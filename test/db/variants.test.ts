import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { columnsOf } from '../../db/columns.js'
import { readCoverage } from '../../db/coverage.js'
import { enrollUsers } from '../../db/enrollments.js'
import { canTellOwnRows, previewRollback, rollBack } from '../../db/rollback.js'
import { usersWithoutEnrollment } from '../../db/users.js'
import { signInWithGoogle, signUp } from '../../producers/index.js'
import { createPublisher, type Publisher } from '../../producers/publisher.js'
import type { RunningWorker } from '../../worker/run.js'
import { enrollmentsOf } from '../support/application.js'
import {
  applicationDdl,
  fillsItself,
  type IdType,
  type SchemaVariant,
  VIEWS_DDL,
} from '../support/application-schema.js'
import { collect } from '../support/collect.js'
import { type TestDatabaseOptions, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

interface Situation extends SchemaVariant, TestDatabaseOptions {
  /** ENROLLMENT_STATUS; the default where it is left out. */
  statusSetting?: string
  /** Time zone of this process. */
  processZone?: string
}

const LOWER_ENUM = `create type enrollment_status as enum ('active', 'dropped')`
const UPPER_ENUM = `create type "EnrollmentStatus" as enum ('ACTIVE', 'DROPPED')`
const ODD_ENUM = `create schema kinds; create type kinds."My ""Status"", x" as enum ('it''s on', 'off')`
const DOMAINS = `create domain key as text check (value <> ''); create domain stage as varchar(20) default 'new'`

const SITUATIONS: Record<string, Situation> = {
  'Prisma’s defaults, in Los Angeles': {
    timeZone: 'America/Los_Angeles',
    processZone: 'America/Los_Angeles',
  },
  'Prisma with an upper-case enum and updatedAt, in Kolkata': {
    status: '"EnrollmentStatus"',
    types: UPPER_ENUM,
    statusSetting: 'ACTIVE',
    updatedAt: true,
    timeZone: 'Asia/Kolkata',
    processZone: 'Asia/Kolkata',
  },
  'uuid everywhere, timestamptz and a lower-case enum': {
    ...{ userId: 'uuid', courseId: 'uuid', enrollmentId: 'uuid' },
    status: `enrollment_status default 'active'`,
    types: LOWER_ENUM,
    timestamp: 'timestamptz',
    timeZone: 'America/Los_Angeles',
    processZone: 'Asia/Kolkata',
  },
  'bigserial everywhere, timestamptz and updatedAt': {
    ...{ userId: 'bigserial', courseId: 'bigserial', enrollmentId: 'bigserial' },
    timestamp: 'timestamptz',
    updatedAt: true,
    timeZone: 'Asia/Kolkata',
    processZone: 'America/Los_Angeles',
  },
  'uuid users, bigserial courses, varchar(191) enrollments with more columns': {
    ...{ userId: 'uuid', courseId: 'bigserial', enrollmentId: 'varchar(191)' },
    more: `progress numeric(5, 2) not null default 0, note text, "dayEnrolled" int generated always as (1) stored,`,
  },
  'varchar(30) ids, which are shorter than a marked UUID': {
    ...{ userId: 'varchar(30)', courseId: 'varchar(30)', enrollmentId: 'varchar(30)' },
    updatedAt: true,
  },
  'identity users, char(36) courses and partitioned enrollments': {
    ...{ userId: 'identity', courseId: 'char(36)', enrollmentId: 'char(36)' },
    partitioned: true,
  },
  'domains, and an enum whose name and value need quotes': {
    ...{ userId: 'key', courseId: 'key', enrollmentId: 'key' },
    status: 'kinds."My ""Status"", x"',
    types: `${DOMAINS}; ${ODD_ENUM}`,
    more: `stage stage not null,`,
    statusSetting: "it's on",
  },
  'a computed updatedAt': { more: `"updatedAt" boolean generated always as (status = 'active') stored,` },
  'a schema of its own': {
    schema: 'My "odd", schema\\',
    status: '"EnrollmentStatus"',
    types: UPPER_ENUM,
    statusSetting: 'ACTIVE',
  },
  'text compared by a locale': { icuLocale: 'en-US' },
  'updatable views over tables of other names': {
    ...{ userId: 'uuid', courseId: 'bigserial', enrollmentId: 'bigserial' },
    ddl: VIEWS_DDL,
    timeZone: 'Asia/Kolkata',
  },
}

describe.each(Object.entries(SITUATIONS))('with %s', (_, situation) => {
  const { statusSetting = 'active', processZone } = situation
  const database = useDatabase({ ...situation, ddl: situation.ddl ?? applicationDdl(situation) })
  const ownZone = process.env.TZ
  let publisher: Publisher
  let worker: RunningWorker
  let courses: string[]

  beforeAll(async () => {
    if (processZone !== undefined) process.env.TZ = processZone
    const queue = { url: inject('redisUrl'), prefix: `{test-${randomBytes(6).toString('hex')}}` }
    publisher = createPublisher({ queueUrl: queue.url, prefix: queue.prefix, timeoutMs: 5000 })
    worker = await startTestWorker({
      databaseUrl: database.url,
      queue,
      env: situation.statusSetting === undefined ? {} : { ENROLLMENT_STATUS: situation.statusSetting },
    })
    courses = [await insertCourse('first', true), await insertCourse('second', true)]
    await insertCourse('draft', false)
  })
  afterAll(async () => {
    await publisher.close()
    await worker.close()
    if (ownZone === undefined) delete process.env.TZ
    else process.env.TZ = ownZone
  })

  it('a sign-up ends in enrollments, all times in UTC', async () => {
    const before = Date.now()
    const result = await signUp(context(), {
      name: 'Ada',
      email: 'ada@example.com',
      password: 'correct horse',
    })
    expect(result).toMatchObject({ status: 'created', publish: { status: 'queued' } })
    const userId = result.status === 'created' ? result.userId : ''
    await expectEnrolled(userId)
    await expectRecent(before, '"createdAt"', '"User"', userId, 'id')
    await expectRecent(before, '"enrolledAt"', '"Enrollment"', userId, '"userId"')
    if (situation.updatedAt) {
      await expectRecent(before, '"updatedAt"', '"User"', userId, 'id')
      await expectRecent(before, '"updatedAt"', '"Enrollment"', userId, '"userId"')
    }
    expect(
      await signUp(context(), { name: 'Ada', email: 'ADA@example.com', password: 'correct horse' }),
    ).toMatchObject({ status: 'email-taken' })
  })

  it('a first Google sign-in ends in enrollments and a returning one changes none', async () => {
    const profile = {
      email: 'grace@example.com',
      email_verified: true,
      name: 'Grace',
      picture: 'https://x.test/p',
    }
    const before = Date.now()
    const first = await signInWithGoogle(context(), { profile })
    expect(first).toMatchObject({ status: 'signed-in', isNew: true, publish: { status: 'queued' } })
    const userId = first.status === 'signed-in' ? first.userId : ''
    await expectRecent(before, '"lastLoginAt"', '"User"', userId, 'id')
    await expectEnrolled(userId)
    const longAgo = situation.updatedAt ? `, "updatedAt" = '2020-01-01'` : ''
    await database.sql(`update "User" set "lastLoginAt" = null${longAgo}`)
    expect(await signInWithGoogle(context(), { profile })).toEqual({
      status: 'signed-in',
      userId,
      isNew: false,
    })
    await expectRecent(before, '"lastLoginAt"', '"User"', userId, 'id')
    if (situation.updatedAt) await expectRecent(before, '"updatedAt"', '"User"', userId, 'id')
  })

  it('pages through the users without enrollment, enrolls, counts, and takes back its own rows', async () => {
    const columns = await columnsOf(database.db)
    const users = await insertUsers(25)
    const pages = await collect(usersWithoutEnrollment(database.db, columns, 7))
    expect(pages.map((page) => page.length)).toEqual([7, 7, 7, 4])
    expect(
      pages
        .flat()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(users.sort())
    expect(pages.flat().map(({ email }) => email)).toContain('Somebody.3@Example.com')

    const since = new Date(Date.now() - 60_000)
    const until = new Date(Date.now() + 60_000)
    const { created, publishedCourses } = await enrollUsers(database.db, columns, statusSetting, users)
    expect(publishedCourses).toBe(2)
    expect(created).toEqual(new Map(users.map((id) => [id, 2])))
    expect(await collect(usersWithoutEnrollment(database.db, columns))).toEqual([])
    const again = await enrollUsers(database.db, columns, statusSetting, users)
    expect([...again.created.values()].every((count) => count === 0)).toBe(true)
    const { users: total, ...rest } = await readCoverage(database.db)
    expect(rest).toMatchObject({ withoutEnrollment: 0, coverage: 100, enrollments: total * 2, duplicates: 0 })

    const window = { since, until, status: statusSetting }
    expect(canTellOwnRows(columns)).toBe(isMarked(situation.enrollmentId))
    if (!canTellOwnRows(columns)) return
    const preview = await previewRollback(database.db, columns, window)
    expect(preview.map(({ enrollments, title }) => [title, enrollments])).toEqual([
      ['first', total],
      ['second', total],
    ])
    expect((await collect(rollBack(database.db, columns, window, 20))).at(-1)).toBe(total * 2)
    expect((await readCoverage(database.db)).enrollments).toBe(0)
  })

  function context() {
    return { db: database.db, publisher, hashPassword: async () => 'a hash' }
  }

  async function expectEnrolled(userId: string): Promise<void> {
    const expected = Object.fromEntries(courses.map((id) => [id, statusSetting]))
    await expect.poll(() => enrollmentsOf(database, userId), { timeout: 10_000 }).toEqual(expected)
  }

  /** The wall clock that the column shows is UTC's: read as text in a session that is itself in UTC. */
  async function expectRecent(before: number, column: string, table: string, userId: string, key: string) {
    const rows = await database.sql<{ wall: string }>(
      `select (case pg_typeof(${column})::text when 'timestamp with time zone'
         then (${column})::timestamptz at time zone 'UTC' else (${column}::text)::timestamp end)::text as wall
       from ${table} where ${key}::text = $1`,
      [userId],
    )
    expect(rows.length).toBeGreaterThan(0)
    for (const { wall } of rows) {
      const time = Date.parse(`${wall.replace(' ', 'T')}Z`)
      expect(time).toBeGreaterThanOrEqual(before - 1000)
      expect(time).toBeLessThanOrEqual(Date.now() + 1000)
    }
  }

  async function insertCourse(title: string, isPublished: boolean): Promise<string> {
    const id = newIdSql(situation.courseId)
    const [row] = await database.sql<{ id: string }>(
      `insert into "Course" (${id.name} title, "isPublished") values (${id.value} $1, $2) returning id::text`,
      [title, isPublished],
    )
    return row?.id ?? ''
  }

  /** As an older application did, which kept emails as they were typed. */
  async function insertUsers(count: number): Promise<string[]> {
    const id = newIdSql(situation.userId)
    const touched = situation.updatedAt ? ['"updatedAt",', 'now(),'] : ['', '']
    const rows = await database.sql<{ id: string }>(
      `insert into "User" (${id.name} ${touched[0]} email, name)
       select ${id.value} ${touched[1]} 'Somebody.' || n || '@Example.com', 'Somebody' from generate_series(1, $1) n
       returning id::text`,
      [count],
    )
    return rows.map((row) => row.id)
  }
})

function newIdSql(type: IdType | undefined): { name: string; value: string } {
  if (fillsItself(type)) return { name: '', value: '' }
  return { name: 'id,', value: type === 'uuid' ? 'gen_random_uuid(),' : `left(gen_random_uuid()::text, 30),` }
}

function isMarked(type: IdType = 'text'): boolean {
  return type !== 'uuid' && !fillsItself(type)
}
