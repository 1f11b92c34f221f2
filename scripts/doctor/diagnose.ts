import type { Settings } from '../../config/settings.js'
import type { Database } from '../../db/schema.js'
import type { EventQueue } from '../../queue/open.js'
import { checkBlockers } from './blockers.js'
import { type Check, checked } from './check.js'
import { judgeClocks } from './clock.js'
import { checkDatabase } from './database.js'
import { checkFailedJobs } from './failed-jobs.js'
import { type FlowVerdict, judgeFlow } from './flow.js'
import { checkIdentity } from './identity.js'
import { checkQueue } from './queue.js'
import { readFlow } from './read-flow.js'

export interface Diagnosis {
  /** Whether the worker could run and, if anyone waits, people are being enrolled. */
  ok: boolean
  /** The same in a sentence. */
  summary: string
  checks: Check[]
}

interface DiagnoseOptions {
  settings: Settings & { DATABASE_URL: string; QUEUE_URL: string }
  db: Database
  queue: EventQueue
}

/** Checks everything that the product relies on. What cannot be asked because of a fault that was found is left out. */
export async function diagnose({ settings, db, queue }: DiagnoseOptions): Promise<Diagnosis> {
  const [database, queued] = await Promise.all([
    checkDatabase({ db, url: settings.DATABASE_URL, status: settings.ENROLLMENT_STATUS }),
    checkQueue({ queue, url: settings.QUEUE_URL, prefix: settings.QUEUE_PREFIX }),
  ])
  const [identity, flow, blockers, failedJobs] = await Promise.all([
    database.usable && queued.usable ? checked('identity', () => checkIdentity(db, queue)) : [],
    readFlow({ settings, db: database.usable ? db : undefined, queue: queued.usable ? queue : undefined }),
    database.usable ? checked('locks', () => checkBlockers(db)) : [],
    queued.usable ? checked('failed-jobs', () => checkFailedJobs(queue)) : [],
  ])
  const clocks = judgeClocks([...database.clocks, ...queued.clocks])
  const setUp = [...database.checks, ...queued.checks, ...identity, ...clocks]
  const judged = judgeFlow(
    flow,
    setUp.every(({ status }) => status !== 'failed'),
  )
  const checks = [judged.settings, ...setUp, ...judged.checks, ...blockers, ...failedJobs]
  return {
    ok: checks.every(({ status }) => status !== 'failed'),
    summary: summarize(setUp, checks, judged),
    checks,
  }
}

function summarize(
  setUp: readonly Check[],
  checks: readonly Check[],
  { obstacles, people }: FlowVerdict,
): string {
  const marks = (['failed', 'warning'] as const)
    .map((status) => ({
      mark: status === 'failed' ? '✗' : '!',
      found: checks.filter((check) => check.status === status),
    }))
    .filter(({ found }) => found.length > 0)
    .map(({ mark, found }) => `${found.length} ${mark}`)
    .join(', ')
  const after = marks === '' ? '' : ` (${marks})`
  if (setUp.some(({ status }) => status === 'failed')) return `The worker could not run.${after}`
  if (obstacles.length === 0) return `The worker can run.${after}`
  return `The worker can run, but ${[...obstacles, ...(people === undefined ? [] : [people])].join(' and ')}.${after}`
}
