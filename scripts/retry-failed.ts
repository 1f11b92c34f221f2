import { Option } from 'commander'
import { causeInWords } from '../queue/causes.js'
import { type FailedJob, type Failures, failedJobs, groupByCause } from '../queue/failed.js'
import { retryFailed } from '../queue/retry.js'
import { audited } from './audited.js'
import { type Answer, runCommand, UsageError } from './command.js'
import { integerFlag } from './flags.js'
import { refuseForeign } from './own-queue.js'
import { showProgress } from './progress.js'

interface Flags {
  cause?: string
  perSecond: number
  yes?: boolean
}

await runCommand({
  name: 'retry-failed',
  description:
    'Lists the failed jobs by cause. With --yes it puts them back with all their attempts, throttled; --cause names one ' +
    'of the causes by its id or its code.',
  needs: ['QUEUE_URL'],
  flags: [
    new Option('--cause <id>', 'only jobs that failed of this cause'),
    new Option('--per-second <jobs>', 'jobs a second at most')
      .argParser(integerFlag('--per-second', 1))
      .default(500),
    new Option('--yes', 'do it'),
  ],
  async run(context, { cause, perSecond, yes }: Flags) {
    const queue = context.queue(context.settings.QUEUE_URL)
    const jobs: FailedJob[] = []
    for await (const page of failedJobs(queue)) jobs.push(...page)
    const all = groupByCause(jobs)
    const groups = all.filter((group) => cause === undefined || isNamed(group, cause))
    if (cause !== undefined && groups.length === 0 && all.length > 0)
      throw new UsageError(noSuchCause(cause, all))
    if (!yes || groups.length === 0) return answer(groups, 0, false)
    const { DATABASE_URL } = context.settings
    await refuseForeign(DATABASE_URL === undefined ? undefined : context.database(DATABASE_URL), queue)

    const progress = showProgress('retrying', total(groups), 'jobs')
    const retried = await audited(
      context,
      'retry-failed',
      async () => {
        let done = 0
        for (const group of groups) {
          const before = done
          done += await retryFailed(queue, {
            causeId: group.cause.id,
            perSecond,
            signal: context.signal,
            onProgress: (now) => progress.update(before + now),
          })
        }
        return done
      },
      (done) => `${done} jobs put back`,
    ).finally(progress.stop)
    return answer(groups, retried, true)
  },
})

function isNamed({ cause }: Failures, name: string): boolean {
  return cause.id === name || cause.code === name
}

function noSuchCause(name: string, all: Failures[]): string {
  const known = all.map(({ cause }) => cause.id).join(', ')
  return `--cause: no failed job has the cause ${JSON.stringify(name)}; the causes are ${known}.`
}

function answer(groups: Failures[], retried: number, done: boolean): Answer {
  const found = total(groups)
  return {
    text: [
      ...groups.map(
        ({ cause, jobs, firstSeen, lastSeen, exampleJobId }) =>
          `${String(jobs).padStart(9)}  ${causeInWords(cause)}\n           cause ${cause.id}${
            cause.code === undefined ? '' : ` (${cause.code})`
          }, first ${firstSeen.toISOString()}, last ${lastSeen.toISOString()}, for example job ${exampleJobId}`,
      ),
      found === 0
        ? 'No job has failed for good; there is nothing to retry.'
        : done
          ? `${retried} of ${found} failed jobs were put back.`
          : `${found} failed jobs would be put back. Nothing was changed; repeat with --yes to retry them.`,
    ].join('\n'),
    json: { status: done ? 'done' : 'preview', found, retried, causes: groups },
  }
}

function total(groups: Failures[]): number {
  return groups.reduce((sum, group) => sum + group.jobs, 0)
}
