import { beforeAll, describe, expect, it } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import { migrate } from '../../db/migrate.js'
import { complaintsOfDoctor } from '../support/doctor.js'
import { useDatabase } from '../support/servers.js'

const database = useDatabase()
let schemas = 0

/** The application's tables in a schema of their own with one published course, changed by `sql`, as `role` sees them. */
async function application(sql = '', role?: string): Promise<string> {
  const schema = `app_${++schemas}`
  const url = new URL(database.url)
  url.searchParams.set('schema', schema)
  await database.sql(`create schema ${schema}; grant usage on schema ${schema} to public`)
  const db = connectDatabase(url.href)
  await migrate(db).finally(() => db.destroy())
  await database.sql(`
    set search_path = ${schema};
    insert into "Course" (id, title, "isPublished") values ('c', 'C', true);
    ${sql};
    reset search_path;
  `)
  if (role !== undefined) [url.username, url.password] = [role, 'secret']
  return url.href
}

function complaints(databaseUrl: string, env: Record<string, string> = {}) {
  return complaintsOfDoctor({ DATABASE_URL: databaseUrl, QUEUE_URL: database.url, ...env })
}

beforeAll(async () => {
  await database.sql(`
    do $$ begin
      create role doctor_limited login password 'secret';
    exception when duplicate_object then null; end $$
  `)
})

describe('doctor, of the database', () => {
  it('finds nothing wrong with tables made by Prisma', async () => {
    expect(await complaints(await application())).toEqual({ ok: true, complaints: [] })
  })

  it('explains an unreachable server and never prints the password', async () => {
    const found = await complaints('postgres://someone:hush@127.0.0.1:1/app')
    expect(found).toEqual({
      ok: false,
      complaints: [
        expect.stringMatching(
          /^✗ database: 127\.0\.0\.1:1\/app cannot be used: .*ECONNREFUSED.* → check DATABASE_URL/,
        ),
      ],
    })
    expect(JSON.stringify(found)).not.toContain('hush')
  })

  it.each([
    ['a wrong password', { password: 'hush' }, /28P01.* → correct the user or password in DATABASE_URL/],
    ['a database that is not there', { pathname: '/nowhere' }, /3D000.* → correct the database name/],
  ])('explains %s', async (_name, change, complaint) => {
    const { ok, complaints: found } = await complaints(Object.assign(new URL(database.url), change).href)
    expect(ok).toBe(false)
    expect(found).toEqual([expect.stringMatching(complaint)])
    expect(found.join()).not.toContain('hush')
  })

  it.each([
    ['a table', 'drop table "Enrollment"', /✗ schema: there is no table "Enrollment" → .*npm run migrate/],
    [
      'columns',
      'alter table "User" drop email; alter table "Course" drop "isPublished"',
      /no column "email"; .*no column "isPublished"/,
    ],
  ])('names %s that is missing', async (_what, sql, complaint) => {
    expect(await complaints(await application(sql))).toEqual({
      ok: false,
      complaints: [expect.stringMatching(complaint)],
    })
  })

  it('says in which schema the tables are when the URL does not reach them', async () => {
    await application()
    const url = new URL(await application())
    url.searchParams.set('schema', 'nowhere')
    const { ok, complaints: found } = await complaints(url.href)
    expect(ok).toBe(false)
    expect(found).toEqual([
      expect.stringMatching(/→ they are in schema "\w+": add \?schema=\w+ to DATABASE_URL/),
    ])
  })

  it.each([
    ['on the table', ''],
    [
      'on the table behind a view',
      `alter table "Enrollment" rename to enrolment; create view "Enrollment" as select * from enrolment`,
    ],
  ])('misses the unique key %s', async (_where, sql) => {
    const accepted = await complaints(await application(sql))
    expect(accepted).toEqual({ ok: true, complaints: [] })
    expect(
      await complaints(await application(`drop index "Enrollment_userId_courseId_key"; ${sql}`)),
    ).toEqual({
      ok: false,
      complaints: [
        expect.stringMatching(
          /^✗ enrollment: there is no unique key on "Enrollment" \("userId", "courseId"\) → CREATE UNIQUE INDEX/,
        ),
      ],
    })
  })

  it('misses the unique key of the email, which only sign-up needs', async () => {
    expect(await complaints(await application('drop index "User_email_key"'))).toEqual({
      ok: true,
      complaints: [expect.stringMatching(/^! sign-up: there is no unique key on "User" \(email\)/)],
    })
  })

  it.each([
    ['on the table', ''],
    [
      'on the table behind a view',
      `alter table "Enrollment" rename to enrolment;
       create view "Enrollment" as select id, "userId", "courseId", status, "enrolledAt" from enrolment`,
    ],
  ])('finds a required column that nobody fills, %s', async (_where, sql) => {
    const filled = `alter table "Enrollment" add tenant text not null default 'one', add note text`
    expect(await complaints(await application(`${filled}; ${sql}`))).toEqual({ ok: true, complaints: [] })
    const required = 'alter table "Enrollment" add tenant text not null'
    expect(await complaints(await application(`${required}; ${sql}`))).toEqual({
      ok: false,
      complaints: [
        expect.stringMatching(
          /^✗ enrollment: .*requires "tenant", which auto-enroll does not fill → .*default/,
        ),
      ],
    })
  })

  it('names the values that the enum of the status has', async () => {
    const sql = `
      create type "EnrollmentStatus" as enum ('ACTIVE', 'DROPPED');
      alter table "Enrollment" alter status drop default,
        alter status type "EnrollmentStatus" using upper(status)::"EnrollmentStatus"`
    const url = await application(sql)
    expect(await complaints(url, { ENROLLMENT_STATUS: 'ACTIVE' })).toEqual({ ok: true, complaints: [] })
    expect(await complaints(url)).toEqual({
      ok: false,
      complaints: [
        expect.stringMatching(
          /^✗ status: ENROLLMENT_STATUS is "active".* → set ENROLLMENT_STATUS to one of ACTIVE, DROPPED$/,
        ),
      ],
    })
  })

  it('finds a status that is longer than the column', async () => {
    expect(
      await complaints(await application('alter table "Enrollment" alter status type varchar(4)')),
    ).toEqual({
      ok: false,
      complaints: [
        expect.stringMatching(/^✗ status: ENROLLMENT_STATUS is "active".* → .* at most 4 characters$/),
      ],
    })
  })

  it('finds an id column that is too short to hold unique ids', async () => {
    expect(await complaints(await application('alter table "Enrollment" alter id type varchar(10)'))).toEqual(
      {
        ok: false,
        complaints: [expect.stringMatching(/^✗ enrollment: .*"Enrollment"."id" takes 10 characters/)],
      },
    )
  })

  it('says which part of the product a missing privilege is for, and fails for the worker’s alone', async () => {
    const worker =
      'grant select on "User", "Course", "Enrollment" to doctor_limited; grant insert on "Enrollment" to doctor_limited'
    const lesser = [
      expect.stringMatching(
        /^! privileges: sign-up: doctor_limited lacks INSERT on "User", UPDATE on "User" .*signUp.* → GRANT INSERT ON "User" TO "doctor_limited"; GRANT UPDATE/,
      ),
      expect.stringMatching(/^! privileges: rollback: doctor_limited lacks DELETE on "Enrollment"/),
      expect.stringMatching(/^! sign-up: this role may not run the statement/),
    ]
    const enough = await application(worker, 'doctor_limited')
    expect(await complaints(enough)).toEqual({ ok: true, complaints: lesser })

    const readOnly = await application(
      `${worker}; revoke insert on "Enrollment" from doctor_limited; revoke select on "Course" from doctor_limited`,
      'doctor_limited',
    )
    const { ok, complaints: found } = await complaints(readOnly)
    expect(ok).toBe(false)
    expect(found).toContainEqual(
      expect.stringMatching(
        /^✗ privileges: worker: doctor_limited lacks SELECT on "Course", INSERT on "Enrollment" .* → GRANT SELECT ON "Course" TO "doctor_limited"; GRANT INSERT/,
      ),
    )
  })

  it('accepts privileges on just the columns that are needed', async () => {
    const sql = `
      grant select (id, email) on "User" to doctor_limited;
      grant select (id, "isPublished") on "Course" to doctor_limited;
      grant select ("userId", "courseId"), insert on "Enrollment" to doctor_limited`
    const { ok, complaints: found } = await complaints(await application(sql, 'doctor_limited'))
    expect({ ok, failed: found.filter((line) => line.startsWith('✗')) }).toEqual({
      ok: true,
      failed: [],
    })
  })

  it('finds a sequence of ids that the role may not use', async () => {
    const serial = `
      alter table "Enrollment" drop id; alter table "Enrollment" add id bigserial primary key;
      grant all on "User", "Course", "Enrollment" to doctor_limited`
    const { ok, complaints: found } = await complaints(await application(serial, 'doctor_limited'))
    expect(ok).toBe(false)
    expect(found).toEqual([
      expect.stringMatching(/^✗ enrollment: .*"Enrollment_id_seq".* → GRANT USAGE ON SEQUENCE/),
    ])
  })

  it('warns of row-level security, which would hide users', async () => {
    const sql =
      'alter table "User" enable row level security; grant all on "User", "Course", "Enrollment" to doctor_limited'
    expect(await complaints(await application(sql, 'doctor_limited'))).toEqual({
      ok: true,
      complaints: [expect.stringMatching(/^! row-security: policies filter the rows of "User"/)],
    })
  })

  it('finds a server that takes no writes', async () => {
    const url = new URL(await application())
    url.searchParams.set('options', '-c default_transaction_read_only=on')
    const { ok, complaints: found } = await complaints(url.href)
    expect(ok).toBe(false)
    expect(found).toEqual([expect.stringMatching(/^✗ database: .*accepts no writes/)])
  })

  it('warns, and no more, of what keeps a sound worker from enrolling anyone', async () => {
    const url = await application('update "Course" set "isPublished" = false')
    expect(await complaints(url, { AUTO_ENROLL_ENABLED: 'false' })).toEqual({
      ok: true,
      complaints: [
        expect.stringMatching(/^! settings: AUTO_ENROLL_ENABLED is false/),
        expect.stringMatching(/^! courses: no course is published/),
      ],
    })
  })
})
