import { z } from 'zod'
import { readCoverage } from '../../db/coverage.js'
import { countUsersWithoutEnrollment } from '../../db/users.js'
import { productCommand } from './product-command.js'
import { many, PATIENCE_MS, type Step } from './step.js'
import { until } from './until.js'

const backfillDocument = z.object({ users: z.int(), queued: z.int(), enrollments: z.int() })
const verifyDocument = z.object({
  ok: z.boolean(),
  users: z.int(),
  coverage: z.number(),
  enrollments: z.int(),
  duplicates: z.int(),
})

const dryRun: Step = {
  name: 'Dry run',
  about: 'npm run backfill -- --dry-run shows who has no enrollment. It queues nothing.',
  async run(stage, signal) {
    const missing = await countUsersWithoutEnrollment(stage.db)
    const seen = await productCommand(stage, ['backfill', '--dry-run'], backfillDocument, signal)
    const unfinished = await stage.queue.countUnfinished()
    return {
      ok: seen.exitCode === 0 && seen.users === missing && unfinished === 0,
      text: `${many(seen.users, 'user')} would get ${many(seen.enrollments, 'enrollment')}; ${many(unfinished, 'job')} in the queue`,
      facts: { users: seen.users, enrollments: seen.enrollments, queued: unfinished },
    }
  },
}

const backfill: Step = {
  name: 'Backfill',
  about: 'npm run backfill queues one job for each of them. Then the worker starts and enrolls them.',
  async run(stage, signal) {
    const before = await readCoverage(stage.db)
    const seen = await productCommand(stage, ['backfill'], backfillDocument, signal)
    await stage.startWorker()
    const settled = async () => (await countUsersWithoutEnrollment(stage.db)) === 0
    const afterMs = await until(settled, PATIENCE_MS, signal)
    const made = (await readCoverage(stage.db)).enrollments - before.enrollments
    return {
      ok: seen.exitCode === 0 && afterMs !== undefined && made >= seen.enrollments,
      text: `${many(seen.queued, 'user')} queued; the worker started and created ${many(made, 'enrollment')}`,
      facts: { queued: seen.queued, enrollments: made, afterMs },
    }
  },
}

const verify: Step = {
  name: 'Verify',
  about: 'npm run verify counts in the database who is enrolled, and whether anyone is enrolled twice.',
  async run(stage, signal) {
    const { exitCode, ...seen } = await productCommand(stage, ['verify'], verifyDocument, signal)
    return {
      ok: exitCode === 0 && seen.ok && seen.coverage === 100 && seen.duplicates === 0,
      text:
        `${seen.coverage} % of ${many(seen.users, 'user')} are enrolled: ${many(seen.enrollments, 'enrollment')}, ` +
        many(seen.duplicates, 'duplicate'),
      facts: seen,
    }
  },
}

/** What operators do when they introduce auto-enroll to an application that already has users. */
export const adminSteps: readonly Step[] = [dryRun, backfill, verify]
