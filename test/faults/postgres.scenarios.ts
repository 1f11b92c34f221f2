import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { breakFor } from './breaking.js'
import { holdCourses, holdRows } from './database.js'
import { addUsers } from './load.js'
import { play } from './scenario.js'

const OWN = { ownPostgres: true, databaseOutage: true } as const

describe.concurrent('Postgres', () => {
  for (const queueOn of ['redis', 'postgres'] as const) {
    it(`restarted in immediate mode (queue on ${queueOn})`, (test) =>
      play(test, { ...OWN, queueOn }, (stage) =>
        breakFor(stage, {
          begin: () => stage.database.server?.restart(),
          lastsMs: 500,
          end: () => undefined,
        }),
      ))
  }

  it('frozen for 20 s', (test) =>
    play(test, OWN, async (stage) => {
      let thaw = () => {}
      await breakFor(stage, {
        begin: async () => {
          thaw = await stage.freezePostgres()
        },
        lastsMs: 20_000,
        end: () => thaw(),
      })
    }))

  it('out of connections', (test) =>
    play(test, { ...OWN, postgresFlags: ['-c', 'max_connections=40'] }, async (stage) => {
      const hogs: pg.Client[] = []
      await breakFor(stage, {
        begin: async () => {
          // A worker that has a connection loses it to the hogs, which are quicker.
          for (let others = 1; others > 0; ) {
            await takeEveryConnection(stage.database.applicationUrl, hogs)
            others = (await stage.database.sql(END_OTHERS)).length
          }
        },
        lastsMs: 8000,
        end: () => Promise.all(hogs.map((hog) => hog.end())),
      })
    }))

  it('the course rows held by another session, against a statement_timeout of 1 s', (test) =>
    play(test, { ownPostgres: true, workers: 0 }, async (stage) => {
      await stage.database.sql(`alter role auto_enroll_worker set statement_timeout = '1s'`)
      await stage.startWorker()
      let release = async () => {}
      await breakFor(stage, {
        begin: async () => {
          release = await holdCourses(stage.database)
        },
        lastsMs: 12_000,
        end: () => release(),
      })
    }))

  it('users and a course held by another session, on 4 workers: no one else waits', (test) =>
    play(test, { workers: 4, courses: 4 }, async (stage) => {
      const { database, queue, courseIds, faultEnds, during } = stage
      await queue.pause()
      const userIds = await addUsers(stage, 400)
      const release = await holdRows(database, [userIds[7], userIds[300]], courseIds[2])
      await queue.resume()
      await during(7000)
      const [row] = await database.sql<{ lacking: number }>(LACKING_FOR_5_S, [courseIds[2]])
      expect(row?.lacking, 'users who lack more than the course that is held').toBe(2)
      await release()
      faultEnds()
      await during(1500)
      const [statistics] = await database.sql<{ deadlocks: number }>(
        'select deadlocks::int from pg_stat_database where datname = current_database()',
      )
      expect(statistics?.deadlocks).toBe(0)
      expect(await queue.bull().getFailedCount()).toBe(0)
    }))

  it('a trigger that takes 20 ms a row, against a statement_timeout of 5 s', (test) =>
    play(test, { ownPostgres: true, workers: 0, perSecond: 2 }, async (stage) => {
      await stage.database.sql(`alter role auto_enroll_worker set statement_timeout = '5s'`)
      await stage.database.sql(SLOW)
      await stage.startWorker()
      await addUsers(stage, 300)
      stage.faultEnds()
      await stage.during(1500)
    }))

  it('a full disk, simulated by a trigger', (test) =>
    play(test, {}, (stage) =>
      breakFor(stage, {
        begin: () => stage.database.sql(DISK_FULL),
        lastsMs: 10_000,
        end: () => stage.database.sql('drop trigger disk_full on "Enrollment"'),
      }),
    ))

  it('a failover that leaves every connection half open', (test) =>
    play(test, { databaseOutage: true }, ({ links, ...stage }) =>
      breakFor(stage, {
        begin: () => {
          links.workersToDatabase.blackHole()
          links.signUpsToDatabase.blackHole()
        },
        lastsMs: 3000,
        end: () => {
          links.workersToDatabase.heal()
          links.signUpsToDatabase.heal()
        },
      }),
    ))
})

/** Its message quotes a row, as many triggers' messages do. */
const DISK_FULL = `
  create function disk_full() returns trigger language plpgsql as $$
  begin
    raise exception 'could not extend file for %', (select row_to_json(u) from "User" u where u.id = new."userId")
      using errcode = '53100', detail = (select u.email from "User" u where u.id = new."userId");
  end $$;
  alter function disk_full() security definer;
  create trigger disk_full before insert on "Enrollment" for each row execute function disk_full()`

const SLOW = `
  create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.02); return new; end $$;
  create trigger slow before insert on "Enrollment" for each row execute function slow()`

/** Users who signed up more than 5 s ago and lack one of the courses that nobody holds. */
const LACKING_FOR_5_S = `
  select count(*)::int as lacking from "User" u
  where u."createdAt" < now() at time zone 'UTC' - interval '5 s' and exists (
    select from "Course" c where c."isPublished" and c.id <> $1
      and not exists (select from "Enrollment" e where e."userId" = u.id and e."courseId" = c.id)
  )`

const END_OTHERS = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where usename in ('application', 'auto_enroll_worker') and application_name <> 'a hog'`

async function takeEveryConnection(url: string, taken: pg.Client[]): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: 'a hog' })
    client.on('error', () => undefined)
    try {
      await client.connect()
    } catch {
      return
    }
    taken.push(client)
  }
}
