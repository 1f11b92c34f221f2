import { sql } from 'kysely'
import { escapeIdentifier } from 'pg'
import { describe, expect, it } from 'vitest'
import { columnsOf } from '../../db/columns.js'
import { connectDatabase } from '../../db/connect.js'
import { enrollUsers } from '../../db/enrollments.js'
import { applicationDdl } from '../support/application-schema.js'
import { useDatabase } from '../support/servers.js'

describe('the columns of the application', () => {
  const database = useDatabase({
    ddl: 'create table "User" (id text, email text); create table "Course" (id text)',
  })

  it('are refused with all that is missing, and read again once it is there', async () => {
    const db = connectDatabase(database.url)
    await expect(columnsOf(db)).rejects.toThrow(
      'the database is not the application\'s: table "User" has no column "name"; ' +
        'table "Course" has no column "title"; table "Course" has no column "isPublished"; ' +
        'there is no table "Enrollment"',
    )
    await database.sql(`drop table "User", "Course"; ${applicationDdl({})}`)
    const columns = await columnsOf(db)
    expect(columns.User.get('createdAt')).toEqual({
      type: 'timestamp without time zone',
      maxLength: null,
      labels: null,
      required: false,
      generated: false,
    })
    expect(columns.Enrollment.get('userId')).toMatchObject({ type: 'text', required: true })
    expect(await columnsOf(db)).toBe(columns)
    await db.destroy()
  })
})

describe('with tables of the same names in several schemas', () => {
  const database = useDatabase({
    ddl: `
      create schema shadow;
      create table shadow."Enrollment" (id int, "userId" int, "courseId" int, status int, "enrolledAt" date);
      create type shadow."Status" as enum ('wrong');
      create schema app; create schema extras; set search_path = app;
      ${applicationDdl({ status: '"Status"', types: `create type "Status" as enum ('active')` })};
      set search_path = extras;
      ${applicationDdl({ userId: 'bigserial', courseId: 'uuid' })};
      insert into app."Course" values ('c', 'C', true);
      insert into app."User" (id, email, name) values ('u', 'u', 'u')`,
  })

  it('types and statements agree on which are meant: the first in the search path', async () => {
    const url = new URL(database.url)
    url.searchParams.set('options', '-c search_path=app,extras,shadow')
    const db = connectDatabase(url.href)
    const columns = await columnsOf(db)
    expect(columns.User.get('id')?.type).toBe('text')
    expect((await enrollUsers(db, columns, 'active', ['u'])).created).toEqual(new Map([['u', 1]]))
    await db.destroy()
  })

  it('?schema= selects one, beside other options of the URL', async () => {
    const url = new URL(database.url)
    url.searchParams.set('options', '-c statement_timeout=4321')
    url.searchParams.set('schema', 'app')
    const db = connectDatabase(url.href)
    const { rows } = await sql`
      select current_setting('search_path') as path, current_setting('statement_timeout') as timeout
    `.execute(db)
    expect(rows).toEqual([{ path: '"app"', timeout: '4321ms' }])
    expect((await columnsOf(db)).Course.get('id')?.type).toBe('text')
    await db.destroy()
  })

  it.each(['public', '', 'Two words', 'tab\there', 'a"b', "a'b", 'a\\b', 'ü', 'x; drop table "User"', 'a,b'])(
    '?schema=%j is taken as one name',
    async (schema) => {
      await database.sql(`create schema if not exists ${escapeIdentifier(schema || 'public')}`)
      const url = new URL(database.url)
      url.searchParams.set('schema', schema)
      const db = connectDatabase(url.href)
      const { rows } = await sql`select current_schema() as schema`.execute(db)
      expect(rows).toEqual([{ schema: schema || 'public' }])
      await db.destroy()
    },
  )
})
