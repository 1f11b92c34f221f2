import { Argument } from 'commander'
import { explanationText } from '../dashboard/explain.js'
import { createUserLookup } from '../dashboard/user-lookup.js'
import { type FailedJob, failedJobs } from '../queue/failed.js'
import type { EventQueue } from '../queue/open.js'
import { EXIT_FAILED, runCommand } from './command.js'

await runCommand({
  name: 'explain',
  description:
    'Shows what is known of one user: the courses, enrolled or not, since when and by whom; the jobs in the queue with ' +
    'their attempts and last error; and a sentence that says why.',
  needs: ['DATABASE_URL', 'QUEUE_URL'],
  argument: new Argument('<user>', 'user id or email'),
  async run({ settings, database, queue: open }, _flags, idOrEmail) {
    const queue = open(settings.QUEUE_URL)
    const lookUp = createUserLookup({
      db: database(settings.DATABASE_URL),
      queue,
      failedJobs: () => allFailedJobs(queue),
      settings: {
        enabled: settings.AUTO_ENROLL_ENABLED,
        reconcileIntervalMs: settings.RECONCILE_INTERVAL_MS,
      },
    })
    const found = await lookUp(idOrEmail)
    if (found === undefined) {
      return {
        text: `There is no user with the id or email ${idOrEmail}.`,
        json: { found: false },
        exitCode: EXIT_FAILED,
      }
    }
    return { text: explanationText(found), json: { found: true, ...found, jobs: found.jobs ?? null } }
  },
})

async function allFailedJobs(queue: EventQueue): Promise<FailedJob[]> {
  const jobs: FailedJob[] = []
  for await (const page of failedJobs(queue)) jobs.push(...page)
  return jobs
}
