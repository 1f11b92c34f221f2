import type { Logger } from '../config/log.js'
import { safeError } from '../config/safe-error.js'
import type { AuditEvent } from '../db/audit.js'
import { beginRecord, type Ended } from '../db/audit-record.js'
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

/** An action that is done, but not in the audit log. */
export interface NotAudited {
  at: Date
  event: AuditEvent
  reason: string
}

/** Why an action that was done could not be written to the audit log; nothing when it was. */
type Audited = Promise<string | undefined>

/** What operators do on the page. Each action is recorded in the audit log when it begins and when it ends. */
export interface Actions {
  pause(person: Person): Audited
  resume(person: Person): Audited
  /** Removes the limits that are stored in the queue. */
  removeLimits(person: Person): Audited
  /** Queues one user now. */
  enroll(person: Person, userId: string): Audited
  /** Starts queueing everyone who has no enrollment. */
  backfill(person: Person): Audited
  /** Starts putting failed jobs back, all or those of one cause. */
  retry(person: Person, jobs: number, causeId?: string): Audited
  /** Stops the task that runs, if one does. */
  stop(person: Person): Audited
  /** Records what somebody does on the jobs page. */
  onJobs(
    person: Person,
    event: Pick<AuditEvent, 'action' | 'target'>,
    work: () => Promise<boolean>,
  ): Promise<void>
  tasks: Tasks
  /** The latest that could not be recorded, the newest first. */
  notAudited(): readonly NotAudited[]
}

const NOT_AUDITED_KEPT = 5

interface ActionsContext {
  db: Database
  queue: EventQueue
  log: Logger
  backfill: Backfill
}

export function createActions({ db, queue, log, backfill }: ActionsContext): Actions {
  const tasks = createTasks()
  const describeError = (error: unknown) => safeError(error).message
  const notAudited: NotAudited[] = []

  async function begin(event: AuditEvent) {
    log.info(event, 'an operator acts')
    const record = await beginRecord(db, event)
    return {
      ...record,
      async end(ended: Ended): Audited {
        log.info({ ...event, ...ended }, 'an operator’s action ended')
        const failure = await record.end(ended)
        if (failure === undefined) return undefined
        log.warn({ ...event, err: failure }, 'not written to the audit log')
        const reason = describeError(failure)
        notAudited.unshift({ at: new Date(), event, reason })
        notAudited.splice(NOT_AUDITED_KEPT)
        return reason
      },
    }
  }

  async function audited(event: AuditEvent, work: () => Promise<string>): Audited {
    const { end } = await begin(event)
    try {
      return await end({ result: await work(), succeeded: true })
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
    notAudited: () => notAudited,
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
      return startTask('backfill', event, total, async (progress, signal) => {
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
      return startTask('retry-failed', event, jobs, async (onProgress, signal) => {
        const options = { onProgress, signal, ...(causeId === undefined ? {} : { causeId }) }
        return `${count(await retryFailed(queue, options), 'job')} put back`
      })
    },
    async stop({ name }) {
      const task = tasks.current()
      if (task === undefined || task.ended !== undefined) return undefined
      const target = `${task.kind} by ${task.by}`
      return audited({ who: name, through: 'page', action: 'stop', target }, async () => {
        task.stop(`stopped by ${name}`)
        return `asked to stop after ${task.done} of ${task.total}`
      })
    },
    async onJobs({ name }, event, work) {
      const { end } = await begin({ who: name, through: 'jobs', ...event })
      try {
        const succeeded = await work()
        // bull-board's button pauses one partition alone, and nothing outside of the queue remembers it.
        if (succeeded && event.action === 'pause')
          noteMemory(await pauseQueue(db, queue, { who: name, through: 'jobs' }))
        if (succeeded && event.action === 'resume') noteMemory(await resumeQueue(db, queue))
        await end({ result: succeeded ? 'done' : 'refused', succeeded })
      } catch (error) {
        await end({ result: describeError(error), succeeded: false })
        throw error
      }
    },
  }

  async function startTask(
    kind: 'backfill' | 'retry-failed',
    event: AuditEvent,
    total: number,
    work: (progress: (done: number) => void, signal: AbortSignal) => Promise<string>,
  ): Audited {
    const running = tasks.current()
    if (running !== undefined && running.ended === undefined) {
      throw new Error(`a ${running.kind} of ${running.by} is still running`)
    }
    const record = await begin(event)
    const [onProgress, onEnd] = [record.progress, record.end]
    tasks.start({ kind, by: event.who, total, work, onProgress, onEnd, describeError })
    if (record.failure === undefined) return undefined
    log.warn({ ...event, err: record.failure }, 'not written to the audit log so far')
    return describeError(record.failure)
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
