import { describe, it } from 'vitest'
import { breakFor } from './breaking.js'
import { startCluster, startSentinel } from './redis-groups.js'
import { play, type Scenario } from './scenario.js'

describe.concurrent('the network and the clock', () => {
  it('Redis and Postgres down at once', (test) =>
    play(test, { ownPostgres: true, databaseOutage: true }, async (stage) => {
      let thaw = () => {}
      await breakFor(stage, {
        begin: async () => {
          await stage.redis.kill()
          thaw = await stage.freezePostgres()
        },
        lastsMs: 6000,
        end: async () => {
          thaw()
          await stage.database.server?.restart()
          await stage.redis.start()
        },
      })
    }))

  it('the connection from the worker to Redis cut, that from the sign-up intact', (test) =>
    play(test, {}, ({ links, ...stage }) =>
      breakFor(stage, {
        begin: () => links.workersToQueue.cut(),
        lastsMs: 8000,
        end: () => links.workersToQueue.heal(),
      }),
    ))

  it('every connection to Redis left half open', (test) =>
    play(test, {}, ({ links, ...stage }) =>
      breakFor(stage, {
        begin: () => {
          links.workersToQueue.blackHole()
          links.signUpsToQueue.blackHole()
        },
        lastsMs: 3000,
        end: () => {
          links.workersToQueue.heal()
          links.signUpsToQueue.heal()
        },
      }),
    ))

  for (const [name, group] of [
    ['Sentinel', startSentinel],
    ['a Cluster', () => startCluster('{auto-enroll}')],
  ] as const) {
    it(`a switch-over of ${name} that leaves the old master connected, as a replica`, (test) =>
      play(test, { group }, async (stage) => {
        await stage.during(1500)
        await stage.group?.switchOver()
        stage.faultEnds()
        await stage.during(5000)
      }))
  }

  it('Postgres set to read-only, then connected to by workers, then writable again', (test) =>
    play(test, { ownPostgres: true, databaseOutage: true, workers: 0 }, async (stage) => {
      await breakFor(stage, {
        begin: async () => {
          await setReadOnly(stage, 'on')
          await stage.startWorker()
        },
        lastsMs: 4000,
        end: () => setReadOnly(stage, 'off'),
      })
    }))

  it('300 ms of latency on every connection', (test) =>
    play(test, {}, ({ links, ...stage }) =>
      breakFor(stage, {
        begin: () => {
          for (const link of Object.values(links)) link.slow(300)
        },
        lastsMs: 8000,
        end: () => {
          for (const link of Object.values(links)) link.slow(0)
        },
      }),
    ))

  it('clocks that jump an hour ahead and two hours back', (test) =>
    play(test, { jumpingClocks: true }, async ({ workers, signUps, during, faultEnds }) => {
      for (let jump = 0; jump < 2; jump += 1) {
        await during(2000)
        signUps.signal('SIGUSR2')
        for (const worker of workers) worker.signal('SIGUSR2')
      }
      await during(2000)
      faultEnds()
    }))
})

/** Applies to sessions that begin from now on. */
async function setReadOnly({ database }: Scenario, state: 'on' | 'off'): Promise<void> {
  await database.sql(`alter role auto_enroll_worker set default_transaction_read_only = ${state}`)
}
