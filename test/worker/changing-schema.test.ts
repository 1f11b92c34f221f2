import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { columnsOf } from '../../db/columns.js'
import { connectDatabase } from '../../db/connect.js'
import type { Database } from '../../db/schema.js'
import { usersWithoutEnrollment } from '../../db/users.js'
import { signInWithGoogle } from '../../producers/google.js'
import { signUp } from '../../producers/sign-up.js'
import { createEnroller, type Enroll } from '../../worker/enroll.js'
import { watchForOutage } from '../../worker/outage.js'
import { probeEnrolling } from '../../worker/statements.js'
import { applicationDdl } from '../support/application-schema.js'
import { collect } from '../support/collect.js'
import { useDatabase } from '../support/servers.js'

/** Ids that fit text and uuid columns. */
const id = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const ENROLLED = { outcome: 'enrolled', enrolled: 1 }

const REPLACED_KEYS = `
  alter table "Enrollment" drop constraint "Enrollment_userId_fkey", drop constraint "Enrollment_courseId_fkey";
  alter table "User" alter id type uuid using id::uuid;
  alter table "Course" alter id type uuid using id::uuid;
  alter table "Enrollment" alter id type uuid using gen_random_uuid(),
    alter "userId" type uuid using "userId"::uuid, alter "courseId" type uuid using "courseId"::uuid;
  alter table "Enrollment" add foreign key ("userId") references "User", add foreign key ("courseId") references "Course"`

describe('the schema changes under a running worker:', () => {
  const database = useDatabase({ ddl: '' })
  let db: Database
  let stopping: AbortController
  let outages: unknown[]

  beforeEach(() => {
    db = connectDatabase(database.url)
    stopping = new AbortController()
    outages = []
  })
  afterEach(async () => {
    stopping.abort()
    await db.destroy()
    await database.sql('drop schema public cascade; create schema public')
  })

  function start(status = 'active'): Enroll {
    const outage = watchForOutage({
      probe: probeEnrolling(db, status),
      signal: stopping.signal,
      onBegin: (error) => outages.push(error),
      onEnd: () => undefined,
    })
    return createEnroller({ db, status, outage, signal: stopping.signal })
  }

  async function make(ddl: string): Promise<void> {
    await database.sql(ddl)
    await database.sql(`insert into "Course" (id, title, "isPublished") values ('${id(9)}', 'Course', true)`)
    await database.sql(
      `insert into "User" (id, email, name${ddl.includes('"updatedAt"') ? ', "updatedAt"' : ''})
       select id, id, 'Somebody'${ddl.includes('"updatedAt"') ? ', now()' : ''} from unnest($1::text[]) id`,
      [[id(1), id(2), id(3)]],
    )
  }

  const ENUM = { status: '"Status"', types: `create type "Status" as enum ('active', 'left')` }

  it.each([
    ['ids from text to uuid', applicationDdl({}), REPLACED_KEYS],
    [
      'a column that is dropped',
      applicationDdl({ updatedAt: true }),
      'alter table "Enrollment" drop "updatedAt"',
    ],
    [
      'a column that must be filled',
      applicationDdl({}),
      'alter table "Enrollment" add "updatedAt" timestamp(3) not null default now(); alter table "Enrollment" alter "updatedAt" drop default',
    ],
    [
      'a status from text to an enum',
      applicationDdl({}),
      `create type "Status" as enum ('active'); alter table "Enrollment" alter status type "Status" using status::"Status"`,
    ],
    [
      'a status from an enum to text',
      applicationDdl(ENUM),
      'alter table "Enrollment" alter status type text; drop type "Status"',
    ],
    [
      'another enum type',
      applicationDdl(ENUM),
      `create type "State" as enum ('active'); alter table "Enrollment" alter status type "State" using 'active'::"State"; drop type "Status"`,
    ],
    [
      'a time that the database computes',
      applicationDdl({}),
      `alter table "Enrollment" drop "enrolledAt"; alter table "Enrollment" add "enrolledAt" text generated always as (status) stored`,
    ],
    [
      'shorter ids',
      applicationDdl({}),
      'alter table "Enrollment" alter id type varchar(25) using left(id, 25)',
    ],
    [
      'tables that are replaced',
      applicationDdl({}),
      `alter table "Enrollment" rename to old; create table "Enrollment" (like old including all); alter table "Enrollment" alter id type uuid using null`,
    ],
  ])('%s', async (_, before, change) => {
    await make(before)
    const enroll = start()
    expect(await enroll(id(1))).toEqual(ENROLLED)
    await database.sql(change)
    expect(await Promise.all([enroll(id(2)), enroll(id(3))])).toEqual([ENROLLED, ENROLLED])
    expect(outages).toEqual([])
  })

  it('the label of the status is added', async () => {
    await make(applicationDdl(ENUM))
    const enroll = start('invited')
    const enrolling = enroll(id(1))
    await expect
      .poll(() => outages)
      .toMatchObject([{ message: expect.stringContaining('no value "invited"') }])
    await database.sql(`alter type "Status" add value 'invited'`)
    expect(await enrolling).toEqual(ENROLLED)
  })

  it('the label of the status is taken away, and given back', async () => {
    await make(applicationDdl(ENUM))
    const enroll = start()
    expect(await enroll(id(1))).toEqual(ENROLLED)
    await database.sql(`alter type "Status" rename value 'active' to 'Active'`)
    const enrolling = enroll(id(2))
    await expect
      .poll(() => outages)
      .toMatchObject([{ message: expect.stringContaining('ENROLLMENT_STATUS') }])
    await database.sql(`alter type "Status" rename value 'Active' to 'active'`)
    expect(await enrolling).toEqual(ENROLLED)
  })

  it('a table is away for a while', async () => {
    await make(applicationDdl({}))
    const enroll = start()
    expect(await enroll(id(1))).toEqual(ENROLLED)
    await database.sql('alter table "Enrollment" rename to away')
    const enrolling = enroll(id(2))
    await expect
      .poll(() => outages)
      .toMatchObject([{ message: expect.stringContaining('no table "Enrollment"') }])
    await database.sql('alter table away rename to "Enrollment"')
    expect(await enrolling).toEqual(ENROLLED)
  })

  it('a column that nobody fills is added, and dropped again', async () => {
    await make(applicationDdl({}))
    const enroll = start()
    expect(await enroll(id(1))).toEqual(ENROLLED)
    await database.sql(`alter table "Enrollment" add note text not null default '';
      alter table "Enrollment" alter note drop default`)
    const reasons: string[] = []
    const enrolling = enroll(id(2), 'live', (reason) => reasons.push(reason))
    enrolling.catch(() => undefined)
    await expect.poll(() => reasons).toEqual([expect.stringContaining('column note')])
    await database.sql('alter table "Enrollment" drop note')
    expect(await enrolling).toEqual(ENROLLED)
  })

  it('a sign-up goes on, and so does a sign-in', async () => {
    await make(applicationDdl({}))
    const publisher = { publish: async () => 'published' } as never
    const input = (email: string) => ({ name: 'Somebody', email, password: 'correct horse' })
    const context = { db, publisher, hashPassword: async () => 'hash' }
    expect(await signUp(context, input('ada@example.com'))).toMatchObject({ status: 'created' })
    await database.sql(`delete from "User" where email = 'ada@example.com'; ${REPLACED_KEYS}`)
    expect(await signUp(context, input('eve@example.com'))).toMatchObject({ status: 'created' })
    await database.sql(
      'alter table "User" add "updatedAt" timestamp(3) not null default now(); alter table "User" alter "updatedAt" drop default',
    )
    const profile = { email: 'bob@example.com', email_verified: true }
    expect(await signInWithGoogle(context, { profile })).toMatchObject({ status: 'signed-in', isNew: true })
  })

  it('a statement that is not tried again is the last to fail', async () => {
    await make(applicationDdl({}))
    const missing = async () => collect(usersWithoutEnrollment(db, await columnsOf(db)))
    expect((await missing()).flat()).toHaveLength(3)
    await database.sql(REPLACED_KEYS)
    await missing().catch(() => undefined)
    expect((await missing()).flat()).toHaveLength(3)
  })

  it('others that use the pool see the change as well', async () => {
    await make(applicationDdl({}))
    const enroll = start()
    const before = await columnsOf(db)
    await enroll(id(1))
    await database.sql(REPLACED_KEYS)
    await enroll(id(2))
    expect(before.User.get('id')?.type).toBe('text')
    expect((await columnsOf(db)).User.get('id')?.type).toBe('uuid')
  })
})
