import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import { migrate } from '../../db/migrate.js'
import { MIGRATIONS } from '../../db/migrations/own-schema.js'
import { pendingMigrations } from '../../db/own-schema.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { VIEWS_DDL } from '../support/application-schema.js'
import { catalogOf, rowsOf } from '../support/catalog.js'
import { useDatabase } from '../support/servers.js'

const PRISMA_DDL = readFileSync(new URL('../support/prisma.sql', import.meta.url), 'utf8')

describe('migrating', () => {
  const empty = useDatabase({ ddl: '' })
  const prisma = useDatabase({ ddl: PRISMA_DDL })
  const crowded = useDatabase({ ddl: '' })
  const partial = useDatabase({ ddl: 'create table "Course" (id text); create table "user" (id text)' })
  const views = useDatabase({ ddl: VIEWS_DDL })
  const elsewhere = useDatabase({ ddl: '', schema: 'School "one"' })

  it('makes what Prisma makes', async () => {
    expect(await migrate(empty.db)).toMatchObject({ created: true })
    expect(await catalogOf(empty)).toEqual(await catalogOf(prisma))
    expect(await catalogOf(empty)).toHaveLength(33)
  })

  it('a second time does nothing', async () => {
    const before = await catalogOf(empty)
    expect(await migrate(empty.db)).toMatchObject({ created: false })
    expect(await catalogOf(empty)).toEqual(before)
  })

  it('ten times at once is done once', async () => {
    const pools = Array.from({ length: 10 }, () => connectDatabase(crowded.url))
    const results = await Promise.all(pools.map(migrate))
    await Promise.all(pools.map((pool) => pool.destroy()))
    expect(results.filter(({ created }) => created)).toHaveLength(1)
    expect(await catalogOf(crowded)).toEqual(await catalogOf(prisma))
  })

  it('changes nothing that Prisma made, nor any row', async () => {
    await insertUsers(prisma, 3)
    await insertCourses(prisma, 2)
    const before = [await catalogOf(prisma), await rowsOf(prisma)]
    expect(await migrate(prisma.db)).toMatchObject({ created: false })
    expect([await catalogOf(prisma), await rowsOf(prisma)]).toEqual(before)
    expect(before[1]).toHaveLength(5)
  })

  it('takes views for the tables', async () => {
    const before = await catalogOf(views)
    expect(await migrate(views.db)).toMatchObject({ created: false })
    expect(await catalogOf(views)).toEqual(before)
  })

  it('refuses a database that has some of the tables, and names them', async () => {
    const before = await catalogOf(partial)
    await expect(migrate(partial.db)).rejects.toThrow(
      'the database has "Course" but not "User", "Enrollment"; migrate makes all three in an empty database',
    )
    expect(await catalogOf(partial)).toEqual(before)
  })

  it('makes the tables in the schema that the URL names, and nowhere else', async () => {
    expect(await migrate(elsewhere.db)).toMatchObject({ created: true })
    expect(await catalogOf(elsewhere, 'School "one"')).toHaveLength(33)
    expect(await catalogOf(elsewhere, 'public')).toEqual([])
  })

  it('says that the schema does not exist', async () => {
    const url = new URL(empty.url)
    url.searchParams.set('schema', 'no such')
    const db = connectDatabase(url.href)
    await expect(migrate(db)).rejects.toThrow(
      'there is no schema "no such" to make the tables in; create it first',
    )
    await db.destroy()
  })
})

/** What version 0.1 made. */
const AUDIT_OF_VERSION_0_1 = `
  create schema auto_enroll;
  create table auto_enroll.audit (
    id bigint generated always as identity primary key, at timestamptz not null default now(), who text not null,
    "through" text not null, action text not null, target text, result text, succeeded boolean, finished_at timestamptz
  );
  create index audit_action_at on auto_enroll.audit (action, at desc);
  insert into auto_enroll.audit (who, "through", action) values ('ada', 'command', 'pause')`

describe('the schema auto_enroll', () => {
  const fresh = useDatabase({ ddl: '' })
  const former = useDatabase({ ddl: PRISMA_DDL + AUDIT_OF_VERSION_0_1 })
  const newer = useDatabase()

  it('is brought up to date by ten processes at once, each migration once', async () => {
    const pools = Array.from({ length: 10 }, () => connectDatabase(fresh.url, { max: 1 }))
    const results = await Promise.all(pools.map(migrate))
    await Promise.all(pools.map((pool) => pool.destroy()))
    expect(results.flatMap(({ migrations }) => migrations)).toEqual(Object.keys(MIGRATIONS))
    expect(await pendingMigrations(fresh.db)).toEqual([])
  })

  it('keeps the audit log that version 0.1 made', async () => {
    expect((await migrate(former.db)).migrations).toEqual(Object.keys(MIGRATIONS))
    expect(await former.sql('select who from auto_enroll.audit')).toEqual([{ who: 'ada' }])
    expect((await migrate(former.db)).migrations).toEqual([])
  })

  it('may hold migrations of a newer version', async () => {
    await newer.sql(`insert into auto_enroll.migration values ('999-later', '2100-01-01T00:00:00.000Z')`)
    expect(await pendingMigrations(newer.db)).toEqual([])
  })
})
