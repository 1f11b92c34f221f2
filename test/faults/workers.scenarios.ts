import { describe, expect, it } from 'vitest'
import { holdCourses } from './database.js'
import { addUsers } from './load.js'
import { play } from './scenario.js'

describe.concurrent('workers', () => {
  for (const queueOn of ['redis', 'postgres'] as const) {
    it(`kill -9 of a worker with hundreds of active jobs, three times in a row (queue on ${queueOn})`, (test) =>
      play(test, { queueOn, perSecond: 10 }, async ({ workers, startWorker, faultEnds, ...stage }) => {
        for (let round = 0; round < 3; round += 1) {
          const release = await holdCourses(stage.database)
          await addUsers(stage, 300)
          await expect
            .poll(() => stage.queue.bull().getActiveCount(), { timeout: 20_000 })
            .toBeGreaterThan(200)
          await workers.at(-1)?.stop('SIGKILL')
          await release()
          await startWorker()
        }
        faultEnds()
      }))

    it(`a rolling restart with SIGTERM under load (queue on ${queueOn})`, (test) =>
      play(test, { queueOn, workers: 2, perSecond: 40 }, async (stage) => {
        for (const worker of [...stage.workers]) {
          await stage.during(1500)
          await stage.startWorker()
          expect(await worker.stop('SIGTERM'), 'the exit code, 1 when jobs were abandoned').toBe(0)
        }
        stage.faultEnds()
        await stage.during(1000)
      }))
  }

  it('a sign-up process killed between commit and publish', (test) =>
    play(test, {}, async ({ startSignUps, faultEnds, during }) => {
      const dying = startSignUps({ diesBeforePublishing: 15 })
      await dying.ended
      faultEnds()
      await during(500)
    }))
})
