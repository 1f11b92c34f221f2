import { randomBytes } from 'node:crypto'
import { expect, type TestContext } from 'vitest'
import type { Figures } from './figures.js'
import { findLeaks } from './leaks.js'
import { countReports, everyoneEnrolled, gist, readOutcome } from './outcome.js'
import type { SignUps } from './sign-ups.js'
import { type Scenario, type ScenarioOptions, type Stage, setStage } from './stage.js'
import { until } from './until.js'

export type { Scenario } from './stage.js'

/** How much later than a plain timer of `PUBLISH_TIMEOUT_MS` a publish may end, on a machine as busy as this. */
const OVERDUE_MS = 50

/** Starts everything, runs `act`, then waits until everyone is enrolled and checks every promise. */
export async function play(
  { task }: TestContext,
  options: ScenarioOptions,
  act: (scenario: Scenario) => Promise<void>,
): Promise<void> {
  const mark = `mark${randomBytes(8).toString('hex')}`
  const closing: (() => unknown)[] = []
  let stage: Stage | undefined
  try {
    stage = await setStage(options, mark, closing)
    for (let count = 0; count < (options.workers ?? 1); count += 1) await stage.startWorker()
    const signUps = stage.startSignUps()
    await until('the first sign-up', () => signUps.reports.length > 0)
    await act({ ...stage, signUps })

    const exitCodes = await Promise.all(stage.loads.map((load) => load.stop()))
    const figures = await takeFigures(`${task.suite?.name ?? 'soak'}: ${task.name}`, stage, options)
    task.meta.figures = figures
    await expectNoLeak(mark, stage)
    expect(exitCodes.filter((code) => code !== 0 && code !== null)).toEqual([])
    expectPromises(figures, options, stage.loads)
  } catch (error) {
    const processes = [...(stage?.workers ?? []), ...(stage?.loads ?? [])]
    throw new Error(`output of the processes:\n${gist(processes)}`, { cause: error })
  } finally {
    // In reverse, because what was opened last depends on what came before it.
    for (const close of closing.reverse())
      await Promise.resolve()
        .then(close)
        .catch(() => undefined)
  }
}

async function takeFigures(name: string, stage: Stage, options: ScenarioOptions): Promise<Figures> {
  await everyoneEnrolled(stage.database, options, stage.faultEndedAt())
  return {
    scenario: name,
    ...countReports(stage.loads),
    ...(await readOutcome(stage.database, options, stage.faultEndedAt())),
    failedJobs: await stage.queue.bull().getFailedCount(),
  }
}

/** Stops the workers, so that all their output is written, and searches everything for the mark. */
async function expectNoLeak(mark: string, { workers, loads, redis, group, database }: Stage): Promise<void> {
  const running = workers.filter((worker) => worker.running())
  const metrics = await Promise.all(running.map((worker) => worker.get('/metrics').catch(() => undefined)))
  const exitCodes = await Promise.all(running.map((worker) => worker.stop()))
  expect(exitCodes, 'exit codes of the workers, 1 when jobs were abandoned').toEqual(running.map(() => 0))
  const leaks = await findLeaks(mark, {
    servers: [redis, ...(group?.servers ?? [])],
    database,
    written: [...workers, ...loads].map((process) => process.output()).concat(JSON.stringify(metrics)),
  })
  expect(leaks, 'names, emails and passwords that were written where they should not be').toEqual([])
}

function expectPromises(figures: Figures, options: ScenarioOptions, loads: readonly SignUps[]): void {
  const reports = loads.flatMap((load) => load.reports)
  const reasons = reports.filter(({ outcome }) => outcome !== 'signed up').map(({ reason }) => reason)
  const unexpected = options.databaseOutage ? figures.failed : figures.failed + figures.notCommitted
  expect(unexpected, `sign-ups that failed: ${[...new Set(reasons)].join('; ')}`).toBe(0)
  expect(figures.signUps).toBeGreaterThan(0)
  expect(
    Math.max(...reports.map(({ overdueMs }) => overdueMs)),
    'publishing outlasted its timeout',
  ).toBeLessThan(OVERDUE_MS)
  expect(figures.lost, 'users who lack a published course').toBe(0)
  expect(figures.duplicates).toBe(0)
}
