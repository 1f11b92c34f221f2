import { describe, it } from 'vitest'
import { breakFor } from './breaking.js'
import { play } from './scenario.js'

describe.concurrent('the network and the clock', () => {
  it('Redis and Postgres away at once', (test) =>
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

  it('the link from the worker to Redis cut, that from the sign-up whole', (test) =>
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

  it('300 ms of latency on every link', (test) =>
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
