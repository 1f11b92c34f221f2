import type { Logger } from '../config/log.js'
import { safeError } from '../config/safe-error.js'
import { type AuditEvent, type Ended, NoAuditTable, writeDown } from '../db/audit.js'
import { pauseQueue, resumeQueue } from '../db/pause.js'
import type { Database } from '../db/schema.js'
import { countUsersWithoutEnrollment } from '../db/users.js'
import { readLimits, removeLimits } from '../queue/limits.js'
import type { EventQueue } from '../queue/open.js'
import type { Refilled } from '../queue/refill.js'
import { retryFailed } from '../queue/retry.js'
import { limitInWords } from './next-try.js'
import type { Person } from './person.js'
import { createTasks, type Tasks } from './tasks.js'
import { count } from './words.js'

/** Queues every user who has no enrollment. It is the worker's function, and passed in because this room may not import it. */
export type Backfill = (options: {
  db: Database
  queue: EventQueue
  onProgress: (refilled: Refilled) => void
  signal: AbortSignal
}) => Promise<Refilled>

/** What operators do on the page. Each is written to the audit log when it begins and when it ends. */
export interface Actions {
  pause(person: Person): Promise<void>
  resume(person: Person): Promise<void>
  /** Removes the limits that are stored in the queue. */
  removeLimits(person: Person): Promise<void>
  /** Queues one user now. */
  enroll(person: Person, userId: string): Promise<void>
  /** Starts queueing everyone who has no enrollment. */
  backfill(person: Person): Promise<void>
  /** Starts putting failed jobs back, all or those of one cause. */
  retry(person: Person, jobs: number, causeId?: string): Promise<void>
  /** Writes down what somebody does on the page of the jobs. */
  onJobs(
    person: Person,
    event: Pick<AuditEvent, 'action' | 'target'>,
    work: () => Promise<boolean>,
  ): Promise<void>
  tasks: Tasks
}

interface ActionsContext {
  db: Database
  queue: EventQueue
  log: Logger
  backfill: Backfill
}

export function createActions({ db, queue, log, backfill }: ActionsContext): Actions {
  const tasks = createTasks()
  const describeError = (error: unknown) => safeError(error).message

  async function begin(event: AuditEvent): Promise<(ended: Ended) => Promise<void>> {
    log.info(event, 'an operator acts')
    const end = await writeDown(db, event, (error) => {
      const level = error instanceof NoAuditTable ? 'debug' : 'warn'
      log[level]({ ...event, err: error }, 'not written to the audit log')
    })
    return (ended) => {
      log.info({ ...event, ...ended }, 'the result')
      return end(ended)
    }
  }

  async function audited(event: AuditEvent, work: () => Promise<string>): Promise<void> {
    const end = await begin(event)
    try {
      await end({ result: await work(), succeeded: true })
    } catch (error) {
      await end({ result: describeError(error), succeeded: false })
      throw error
    }
  }

  function noteMemory(failure: unknown): void {
    if (failure !== undefined)
      log.warn({ err: failure }, 'a pause could not be remembered or forgotten in the database')
  }

  return {
    tasks,
    pause: ({ name }) =>
      audited({ who: name, through: 'page', action: 'pause' }, async () => {
        noteMemory(await pauseQueue(db, queue, { who: name, through: 'page' }))
        return `paused; ${count(await queue.countUnfinished(), 'job')} waiting`
      }),
    resume: ({ name }) =>
      audited({ who: name, through: 'page', action: 'resume' }, async () => {
        noteMemory(await resumeQueue(db, queue))
        return `resumed; ${count(await queue.countUnfinished(), 'job')} waiting`
      }),
    removeLimits: ({ name }) =>
      audited({ who: name, through: 'page', action: 'remove-limits' }, async () => {
        const limit = limitInWords(await readLimits(queue))
        await removeLimits(queue)
        return limit === undefined ? 'there was no limit' : `removed; before, ${limit}`
      }),
    enroll: ({ name }, userId) =>
      audited({ who: name, through: 'page', action: 'enroll', target: userId }, () =>
        enrollNow(queue, userId),
      ),
    async backfill({ name }) {
      const total = await countUsersWithoutEnrollment(db)
      const event = { who: name, through: 'page', action: 'backfill' } as const
      await startTask('backfill', event, total, async (progress, signal) => {
        const { users, queued } = await backfill({
          db,
          queue,
          signal,
          onProgress: (done) => progress(done.users),
        })
        return `${count(queued, 'user')} queued${users > queued ? `, ${users - queued} were queued already` : ''}`
      })
    },
    async retry({ name }, jobs, causeId) {
      const event = { who: name, through: 'page', action: 'retry-failed', target: causeId ?? 'all' } as const
      await startTask('retry-failed', event, jobs, async (onProgress, signal) => {
        const options = { onProgress, signal, ...(causeId === undefined ? {} : { causeId }) }
        return `${count(await retryFailed(queue, options), 'job')} put back`
      })
    },
    async onJobs({ name }, event, work) {
      const end = await begin({ who: name, through: 'jobs', ...event })
      const succeeded = await work()
      // bull-board's button pauses one partition alone, and nothing outside of the queue remembers it.
      if (succeeded && event.action === 'pause')
        noteMemory(await pauseQueue(db, queue, { who: name, through: 'jobs' }))
      if (succeeded && event.action === 'resume') noteMemory(await resumeQueue(db, queue))
      await end({ result: succeeded ? 'done' : 'refused', succeeded })
    },
  }

  async function startTask(
    kind: 'backfill' | 'retry-failed',
    event: AuditEvent,
    total: number,
    work: (progress: (done: number) => void, signal: AbortSignal) => Promise<string>,
  ): Promise<void> {
    const running = tasks.current()
    if (running !== undefined && running.ended === undefined) {
      throw new Error(`a ${running.kind} of ${running.by} is still running`)
    }
    const onEnd = await begin(event)
    tasks.start({ kind, by: event.who, total, work, onEnd, describeError })
  }
}

/** Publishes an event; a job of the user that waits for its next attempt is tried at once instead. */
async function enrollNow(queue: EventQueue, userId: string): Promise<string> {
  const added = await queue.addSurely({ v: 1, userId, source: 'admin', occurredAt: new Date().toISOString() })
  if (added === 'queued') return 'queued'
  const jobId = await queue.unfinishedJobOf(userId)
  const job = jobId === undefined ? undefined : await queue.findJob(jobId)
  if (job === undefined || !(await job.isDelayed())) return 'was queued already'
  await job.promote()
  return 'its waiting retry was brought forward'
}
