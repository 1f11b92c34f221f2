import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lastPauseOrResume } from '../../db/audit.js'
import { beginRecord } from '../../db/audit-record.js'
import { columnsOf } from '../../db/columns.js'
import { connectDatabase } from '../../db/connect.js'
import { countPublishedCourses } from '../../db/courses.js'
import { readCoverage } from '../../db/coverage.js'
import { readCoverageBySignIn } from '../../db/coverage-by.js'
import { enrollUsers } from '../../db/enrollments.js'
import { coursesOfUser, findUser } from '../../db/explain.js'
import { createLease } from '../../db/lease.js'
import type { Database } from '../../db/schema.js'
import { userIdsWithoutEnrollment, usersWithoutEnrollment } from '../../db/users.js'
import { asRole, makeRoles } from '../faults/roles.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { collect } from '../support/collect.js'
import { useDatabase } from '../support/servers.js'

describe('the roles of db/roles.sql', () => {
  const database = useDatabase()
  let worker: Database
  let dashboard: Database
  let userId = ''

  beforeAll(async () => {
    await makeRoles(database.url)
    // Safe to run again.
    await makeRoles(database.url)
    worker = connectDatabase(asRole(database.url, 'auto_enroll_worker'))
    dashboard = connectDatabase(asRole(database.url, 'auto_enroll_dashboard'))
    await insertCourses(database, 2)
    ;[userId = ''] = await insertUsers(database, 1)
  })
  afterAll(async () => {
    await Promise.all([worker.destroy(), dashboard.destroy()])
  })

  it('let the worker reconcile and enroll', async () => {
    const columns = await columnsOf(worker)
    const lease = createLease(worker, { name: 'reconcile', everyMs: 0 })
    expect(await lease.run(async ({ renew }) => renew())).toBe(undefined)
    await lease.handOver()
    expect(await countPublishedCourses(worker)).toBe(2)
    expect(await collect(userIdsWithoutEnrollment(worker, columns))).toEqual([[userId]])
    const { created } = await enrollUsers(worker, columns, 'active', [userId])
    expect(created).toEqual(new Map([[userId, 2]]))
  })

  it('let the dashboard look, and write down what operators do', async () => {
    const columns = await columnsOf(dashboard)
    expect(await readCoverage(dashboard)).toMatchObject({ users: 1 })
    expect(await readCoverageBySignIn(dashboard, columns)).toEqual([])
    expect(await findUser(dashboard, columns, userId)).toMatchObject({ id: userId })
    expect(await coursesOfUser(dashboard, columns, userId)).toHaveLength(2)
    expect(await collect(usersWithoutEnrollment(dashboard, columns))).toEqual([])
    const record = await beginRecord(dashboard, { who: 'ada', through: 'page', action: 'pause' })
    expect(await record.end({ result: 'paused', succeeded: true })).toBe(undefined)
    expect(await lastPauseOrResume(dashboard)).toMatchObject({ who: 'ada', result: 'paused' })
  })

  it.for([
    ['worker', 'select email from "User"'],
    ['worker', 'select "passwordHash" from "User"'],
    ['worker', `update "User" set email = 'x'`],
    ['worker', 'delete from "Enrollment"'],
    ['worker', `update "Enrollment" set status = 'x'`],
    ['worker', 'update "Course" set "isPublished" = true'],
    ['worker', 'create table mine (id int)'],
    ['worker', 'delete from auto_enroll.pause'],
    ['worker', 'select who from auto_enroll.audit'],
    ['dashboard', 'select "passwordHash" from "User"'],
    ['dashboard', 'delete from "Enrollment"'],
    ['dashboard', `insert into "User" (id, email, name) values ('x', 'x', 'x')`],
    ['dashboard', 'delete from auto_enroll.audit'],
  ] as const)('keep the %s from: %s', async ([who, statement]) => {
    const db = who === 'worker' ? worker : dashboard
    await expect(sql.raw(statement).execute(db)).rejects.toMatchObject({ code: '42501' })
  })
})
