import { DelayedError, type Telemetry, UnrecoverableError, WaitingError } from 'bullmq'
import pLimit from 'p-limit'
import type pg from 'pg'
import { keepBooks } from '../queue/bookkeeping.js'
import type { QueueLink } from '../queue/connect.js'
import {
  isBacklog,
  JOB_NAME,
  parseUserCreated,
  type UserCreated,
  type UserCreatedJob,
  type UserCreatedResult,
} from '../queue/user-created.js'
import type { Enroll } from './enroll.js'
import { InterruptedError, PermanentError, PutOffError, TransientError } from './errors.js'
import type { EventWorker } from './event-worker.js'
import type { Observer } from './observe.js'
import { type Process, startQueueWorker } from './queue-worker.js'
import { BACKLOG_SLOTS, createSlots } from './slots.js'

/** When a job comes back that was put off: after a quarter of its age, within these bounds. */
const PUT_OFF_MS = { least: 2000, most: 15_000 }

interface ConsumeOptions {
  link: QueueLink
  /** Of the queue's partitions; all are consumed, and share the concurrency. */
  prefixes?: readonly string[]
  concurrency: number
  enroll: Enroll
  observer: Observer
  telemetry?: Telemetry
}

export interface Consumer {
  /** One for each partition. */
  workers: readonly EventWorker[]
  /** Jobs that are being worked on here. */
  active(): number
  /** Those of them that wait for somebody's lock, or for a fault that concerns few. */
  held(): number
  /** Writes on each of them why it waits, for operators who look at the queue. */
  noteOnActive(reason: string): void
  /** While held, takes no jobs; active jobs continue. */
  hold(isHeld: boolean): Promise<void>
  /** Takes no more jobs; resolves when the active ones are done, or at once when it is forced. */
  close(force?: boolean): Promise<void>
}

/** Takes `user.created` jobs off the queue and enrolls their users, from now on until it is closed. */
export function consume({ link, prefixes = [link.options.prefix], ...options }: ConsumeOptions): Consumer {
  const active = new Set<UserCreatedJob>()
  const held = new Set<UserCreatedJob>()
  const process: Process = async (job, token, onHeld) => {
    active.add(job)
    try {
      return await runJob(job, options.enroll, (reason) => {
        held.add(job)
        note(job, reason)
        onHeld()
      })
    } catch (error) {
      throw await moved(job, token, error)
    } finally {
      active.delete(job)
      held.delete(job)
    }
  }
  const books =
    link.kind === 'postgres' ? keepBooks(link.client as pg.Pool, options.observer.queueError) : undefined
  const share = (slots: number) => Math.ceil(slots / prefixes.length)
  const workers = prefixes.map((prefix) => {
    const { alone, shared } = BACKLOG_SLOTS[link.kind]
    const slots = createSlots(share(options.concurrency), { alone: share(alone), shared: share(shared) })
    return startQueueWorker({ ...options, link, books }, prefix, slots, pLimit(share(alone)), process)
  })
  return {
    workers,
    active: () => active.size,
    held: () => held.size,
    noteOnActive(reason) {
      for (const job of active) note(job, reason)
    },
    hold: async (isHeld) => void (await Promise.all(workers.map((worker) => worker.hold(isHeld)))),
    async close(force) {
      await Promise.all(workers.map((worker) => worker.close(force)))
      const written = books?.stop()
      if (!force) await written
    },
  }
}

function note(job: UserCreatedJob, reason: string): void {
  void job.updateProgress(reason).catch(() => undefined)
}

/** Moves a job that is to run again at no cost of an attempt. */
async function moved(job: UserCreatedJob, token: string | undefined, error: unknown): Promise<unknown> {
  if (error instanceof InterruptedError) {
    await job.moveToWait(token)
    return new WaitingError()
  }
  if (error instanceof PutOffError) {
    const ageMs = Date.now() - job.timestamp
    const waitMs = Math.min(Math.max(ageMs / 4, PUT_OFF_MS.least), PUT_OFF_MS.most)
    await job.moveToDelayed(Date.now() + waitMs, token)
    return new DelayedError()
  }
  return error
}

/** One job: read the event, enroll the user, decide what becomes of it. */
async function runJob(
  job: UserCreatedJob,
  enroll: Enroll,
  onHeld: (reason: string) => void,
): Promise<UserCreatedResult> {
  // Kept as it is, data that is no JSON would stop every listing of the failed jobs.
  if (job.data === null) await job.updateData(job.data)
  const { userId, source } = readEvent(job)
  try {
    const result = await enroll(userId, isBacklog(source) ? 'backlog' : 'live', onHeld)
    if (result.outcome === 'user-not-found' && !isLastAttempt(job)) {
      throw new TransientError('there is no such user yet: the event may precede the commit')
    }
    return result
  } catch (error) {
    if (error instanceof PermanentError) throw new UnrecoverableError(error.message)
    throw error
  }
}

function readEvent(job: UserCreatedJob): UserCreated {
  if (job.name !== JOB_NAME) throw new UnrecoverableError(`unknown job name: expected ${JOB_NAME}`)
  const parsed = parseUserCreated(job.data)
  if (!parsed.ok) throw new UnrecoverableError(`not a ${JOB_NAME} event: ${parsed.reason}`)
  return parsed.event
}

function isLastAttempt(job: UserCreatedJob): boolean {
  return job.attemptsMade + 1 >= (job.opts.attempts ?? 1)
}
