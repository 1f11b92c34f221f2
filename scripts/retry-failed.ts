import { Option } from 'commander'
import { causeInWords } from '../queue/causes.js'
import { type FailedJob, type Failures, failedJobs, groupByCause } from '../queue/failed.js'
import type { EventQueue } from '../queue/open.js'
import { retryFailed } from '../queue/retry.js'
import { audited, interruption } from './audited.js'
import { type Answer, EXIT_FAILED, runCommand, UsageError } from './command.js'
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
    'Lists the failed jobs by cause. With --yes it puts them back into the queue, with all their attempts and at a limited ' +
    'rate. --cause selects one cause by its id or code.',
  needs: ['QUEUE_URL'],
  flags: [
    new Option('--cause <id>', 'only jobs that failed for this cause'),
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
    if (!yes || groups.length === 0) return answer(groups, 0, 'preview')
    const { DATABASE_URL } = context.settings
    await refuseForeign(DATABASE_URL === undefined ? undefined : context.database(DATABASE_URL), queue)

    return audited(context, { action: 'retry-failed', target: cause ?? 'all' }, async (progress) => {
      const bar = showProgress('retrying', total(groups), 'jobs')
      const onProgress = (retried: number) => {
        bar.update(retried)
        progress(`${retried} of ${total(groups)} jobs put back`)
      }
      const { signal } = context
      const { retried, isComplete } = await retry(queue, groups, { perSecond, signal, onProgress }).finally(
        bar.stop,
      )
      return {
        answer: answer(groups, retried, isComplete ? 'done' : 'interrupted'),
        result: isComplete
          ? `${retried} jobs put back`
          : `${interruption(signal)}; ${retried} of ${total(groups)} jobs put back`,
      }
    })
  },
})

interface Pace {
  perSecond: number
  signal: AbortSignal
  onProgress: (retried: number) => void
}

async function retry(
  queue: EventQueue,
  groups: Failures[],
  { onProgress, ...pace }: Pace,
): Promise<{ retried: number; isComplete: boolean }> {
  let retried = 0
  try {
    for (const { cause } of groups) {
      const before = retried
      const count = (ofCause: number) => {
        retried = before + ofCause
        onProgress(retried)
      }
      await retryFailed(queue, { ...pace, causeId: cause.id, onProgress: count })
    }
    return { retried, isComplete: true }
  } catch (error) {
    if (!pace.signal.aborted) throw error
    return { retried, isComplete: false }
  }
}

function isNamed({ cause }: Failures, name: string): boolean {
  return cause.id === name || cause.code === name
}

function noSuchCause(name: string, all: Failures[]): string {
  const known = all.map(({ cause }) => cause.id).join(', ')
  return `--cause: no failed job has the cause ${JSON.stringify(name)}; the causes are ${known}.`
}

function answer(groups: Failures[], retried: number, status: 'preview' | 'done' | 'interrupted'): Answer {
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
        : {
            preview: `${found} failed jobs would be put back. Nothing was changed. Run it again with --yes to retry them.`,
            done: `${retried} of ${found} failed jobs were put back.`,
            interrupted: `Interrupted: ${retried} of ${found} failed jobs were put back. Run it again to retry the others.`,
          }[status],
    ].join('\n'),
    json: { status, found, retried, causes: groups },
    exitCode: status === 'interrupted' ? EXIT_FAILED : 0,
  }
}

function total(groups: Failures[]): number {
  return groups.reduce((sum, group) => sum + group.jobs, 0)
}
