import pg from 'pg'
import { describe, it } from 'vitest'
import { breakFor } from './breaking.js'
import { holdCourses } from './database.js'
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
