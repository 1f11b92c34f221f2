import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { holdCourses } from './database.js'
import { addUsers } from './load.js'
import { play } from './scenario.js'
import { until } from './until.js'

const THROWING = fileURLToPath(new URL('./dist/processes/throwing.js', import.meta.url))

describe.concurrent('workers', () => {
  for (const queueOn of ['redis', 'postgres'] as const) {
    it(`kill -9 of a worker with hundreds of active jobs, three times in a row (queue on ${queueOn})`, (test) =>
      play(test, { queueOn, perSecond: 10 }, async ({ workers, startWorker, faultEnds, ...stage }) => {
        for (let round = 0; round < 3; round += 1) {
          const release = await holdCourses(stage.database)
          await addUsers(stage, 300)
          await until(
            'hundreds of active jobs',
            async () => (await stage.queue.bull().getActiveCount()) > 200,
          )
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

  it('a worker that cannot consume asks for a restart, and stops asking once it can', (test) =>
    play(test, { env: { STALL_TIMEOUT_MS: '2000' } }, async ({ database, workers, faultEnds }) => {
      const release = await holdCourses(database)
      const health = async () => (await workers[0]?.get('/healthz')) ?? { status: 0, body: '' }
      await until('an unhealthy worker', async () => (await health()).status === 503)
      expect((await health()).body).toMatch(/\d+ jobs wait, yet none was finished for \d+ s/)
      await release()
      faultEnds()
      await until('a healthy worker', async () => (await health()).status === 200)
    }))

  it('an uncaught error ends a worker with exit code 1, after it has finished its jobs', (test) =>
    play(test, { workers: 0 }, async ({ startWorker, during, faultEnds }) => {
      const failing = await startWorker({}, ['--import', THROWING])
      await during(1500)
      expect(await failing.stop('SIGUSR2')).toBe(1)
      expect(failing.output()).toContain('uncaught error')
      expect(failing.output()).toContain('no job was abandoned')
      await startWorker()
      faultEnds()
    }))

  it('a worker stopped in the middle of reconciling: another one takes over within a minute', (test) =>
    play(test, { workers: 2, perSecond: 5 }, async ({ workers, database, during, faultEnds }) => {
      const holder = async () => {
        const [row] = await database.sql('select holder from auto_enroll.lease')
        return row?.holder
      }
      await until('a worker that reconciles', async () => (await holder()) !== undefined)
      const first = await holder()
      for (const worker of workers) {
        worker.signal('SIGSTOP')
        await during(1000)
        // As if it had been stopped between two steps of a round.
        await database.sql(
          `update auto_enroll.lease set held_until = now() + interval '30 seconds', ended_at = null`,
        )
        if ((await holder()) === first) break
        worker.signal('SIGCONT')
      }
      await until('another worker that reconciles', async () => (await holder()) !== first, 60_000)
      for (const worker of workers) worker.signal('SIGCONT')
      faultEnds()
    }))

  it('a clock an hour ahead, then an hour behind, on one of two workers', (test) =>
    play(test, { jumpingClocks: true }, async ({ workers, startWorker, during, faultEnds }) => {
      await startWorker({}, [])
      for (let jump = 0; jump < 2; jump += 1) {
        workers[0]?.signal('SIGUSR2')
        await during(6000)
      }
      expect(workers[0]?.output()).toContain('the clock of this machine is wrong')
      await workers[0]?.stop('SIGKILL')
      faultEnds()
    }))
})
