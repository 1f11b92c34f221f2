import { describe, expect, it } from 'vitest'
import { runAdminCommand, startAdminCommand } from './commands.js'
import { addUsers } from './load.js'
import { play } from './scenario.js'
import { until } from './until.js'

describe.concurrent('operators', () => {
  it('a pause of a minute under load, then resume', (test) =>
    play(test, { perSecond: 10 }, async ({ adminEnv, queue, during, faultEnds }) => {
      expect((await runAdminCommand('pause', adminEnv)).exitCode).toBe(0)
      await during(60_000)
      expect(await queue.countUnfinished()).toBeGreaterThan(100)
      expect((await runAdminCommand('resume', adminEnv)).exitCode).toBe(0)
      faultEnds()
    }))

  it('AUTO_ENROLL_ENABLED=false for a while, then true', (test) =>
    play(test, { workers: 0 }, async ({ startWorker, startSignUps, signUps, faultEnds }) => {
      const idle = await startWorker({ AUTO_ENROLL_ENABLED: 'false' })
      await signUps.stop()
      const unpublished = startSignUps({ enabled: false })
      await until('sign-ups that publish nothing', () => unpublished.reports.length >= 60)
      await unpublished.stop()
      expect(unpublished.reports.map(({ publish }) => publish)).toContain('disabled')
      expect(await idle.stop()).toBe(0)
      await startWorker()
      faultEnds()
    }))

  it('two reconcilers and a backfill at once', (test) =>
    play(test, { workers: 2, perSecond: 5 }, async ({ adminEnv, database, queue, during, faultEnds }) => {
      await queue.pause()
      const userIds = await addUsers({ database, queue }, 250)
      await queue.bull().drain(true)
      await queue.resume()
      const backfill = await runAdminCommand('backfill', adminEnv)
      expect(backfill.exitCode).toBe(0)
      faultEnds()
      await during(2500)
      // Deduplication lasts until the job ends. A reader that saw the user as missing before that may queue the user after it.
      const completed = await queue.bull().getJobs(['completed'])
      for (const userId of userIds) {
        const outcomes = completed
          .filter((job) => job.data.userId === userId)
          .map((job) => job.returnvalue.outcome)
        expect(outcomes.length, 'jobs of one user').toBeLessThanOrEqual(PRODUCERS)
        expect(outcomes.filter((outcome) => outcome === 'enrolled')).toHaveLength(1)
      }
    }))

  it('a rollback under load, killed halfway and run again: removes only what auto-enroll created', (test) =>
    play(test, { perSecond: 20 }, async ({ adminEnv, database, during, faultEnds, courseIds }) => {
      const since = new Date(Date.now() - 1000).toISOString()
      await database.sql(MANY_ENROLLMENTS, [20_000, courseIds])
      await database.sql(
        `insert into "Enrollment" (id, "userId", "courseId", status)
         select 'hand-' || id, id, 'draft', 'active' from "User" where id like 'many-%' limit 500`,
      )
      await during(2000)
      const before = new Date().toISOString()
      const flags = ['--since', since, '--until', before, '--yes']
      const first = startAdminCommand('rollback', adminEnv, flags)
      await until('a part to be removed', async () => (await countOwn(database, before)) < 35_000)
      first.kill('SIGKILL')
      const second = await runAdminCommand('rollback', adminEnv, flags)
      expect(second.exitCode, second.output).toBe(0)
      expect(await countOwn(database, before)).toBe(0)
      expect(await countByHand(database)).toBe(500)
      // Thousands were created just for this; enrolling them again would prove nothing more.
      await database.sql(`delete from "User" where id like 'many-%'`)
      expect((await runAdminCommand('resume', adminEnv)).exitCode).toBe(0)
      faultEnds()
    }))
})

/** Two reconcilers and a backfill. */
const PRODUCERS = 3

const MANY_ENROLLMENTS = `
  with users as (
    insert into "User" (id, email, name)
    select 'many-' || i, 'many-' || i || '@example.com', 'Many' from generate_series(1, $1::int) i returning id
  )
  insert into "Enrollment" (id, "userId", "courseId", status, "enrolledAt")
  select 'cae' || md5(users.id || course), users.id, course, 'active', now() at time zone 'UTC'
  from users cross join unnest($2::text[]) course`

type Sql = { sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]> }

/** Enrollments that auto-enroll created in the period. */
async function countOwn({ sql }: Sql, until: string): Promise<number> {
  const [row] = await sql(
    `select count(*)::int as count from "Enrollment" where id like 'cae%' and "enrolledAt" < $1::timestamptz at time zone 'UTC'`,
    [until],
  )
  return Number(row?.count)
}

async function countByHand({ sql }: Sql): Promise<number> {
  const [row] = await sql(`select count(*)::int as count from "Enrollment" where id like 'hand-%'`)
  return Number(row?.count)
}
