import { count } from '../../dashboard/words.js'
import { causeInWords } from '../../queue/causes.js'
import { type FailedJob, failedJobs, groupByCause } from '../../queue/failed.js'
import type { EventQueue } from '../../queue/open.js'
import { type Check, ok, warning } from './check.js'

/** Jobs that are read to learn the causes, and causes that are named. */
const SAMPLE = 1000
const NAMED_CAUSES = 3

/** Names why jobs failed for good. */
export async function checkFailedJobs(queue: EventQueue): Promise<Check[]> {
  const counts = await Promise.all(queue.partitions().map((bull) => bull.getFailedCount()))
  const total = counts.reduce((sum, jobs) => sum + jobs, 0)
  if (total === 0) return [ok('failed-jobs', 'none')]
  const causes = groupByCause(await sample(queue))
  const named = causes
    .slice(0, NAMED_CAUSES)
    .map(({ cause, jobs }) => `${jobs} because ${causeInWords(cause)}`)
  const more = causes.length > NAMED_CAUSES ? `, and ${causes.length - NAMED_CAUSES} more causes` : ''
  return [
    warning(
      'failed-jobs',
      `${count(total, 'job')} failed for good: ${named.join('; ')}${more}`,
      'mend the cause, then npm run retry-failed -- --yes',
    ),
  ]
}

async function sample(queue: EventQueue): Promise<FailedJob[]> {
  const jobs: FailedJob[] = []
  for await (const page of failedJobs(queue)) {
    jobs.push(...page)
    if (jobs.length >= SAMPLE) break
  }
  return jobs
}
