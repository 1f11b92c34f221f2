import { setTimeout as delay } from 'node:timers/promises'
import { columnsOf } from '../db/columns.js'
import { countPublishedCourses } from '../db/courses.js'
import { withReconcileLock } from '../db/lock.js'
import type { Database } from '../db/schema.js'
import { userIdsWithoutEnrollment } from '../db/users.js'
import type { EventQueue } from '../queue/open.js'
import { type Refilled, type RefillOptions, refill } from '../queue/refill.js'
import { rememberQueued } from './recurring.js'

/**
 * What a round found: `done`, or why there was nothing to do. `recurring` counts the users who were queued in several
 * rounds and are found still.
 */
export type Reconciled =
  | ({ status: 'done'; recurring: number } & Refilled)
  | { status: 'locked' | 'paused' | 'no-published-courses' }

export const DEFAULT_MAX_PENDING = 50_000

/** A round that has queued so many users ends, and the next one goes on where it stopped. */
const MAX_USERS_PER_ROUND = 50_000

type QueueMissingOptions = { db: Database; queue: EventQueue } & RefillOptions

/** Queues every user who has no enrollment at all. */
export async function queueMissingUsers({ db, queue, ...options }: QueueMissingOptions): Promise<Refilled> {
  return refill(queue, userIdsWithoutEnrollment(db, await columnsOf(db)), options)
}

interface RoundsOptions {
  db: Database
  queue: EventQueue
  intervalMs: number
}

/**
 * Makes the function that runs one round: at most one of the fleet at a time, not while the queue is paused, not when no
 * course is published. Its work is bounded, and users who keep coming back are queued ever more rarely.
 */
export function createRounds({ db, queue, intervalMs }: RoundsOptions) {
  const recurring = rememberQueued(intervalMs)
  let after: string | undefined

  async function* dueUsers(): AsyncGenerator<string[]> {
    let count = 0
    const columns = await columnsOf(db)
    for await (const page of userIdsWithoutEnrollment(db, columns, after === undefined ? {} : { after })) {
      const due = recurring.due(page)
      yield due
      after = page.at(-1)
      count += due.length
      if (count >= MAX_USERS_PER_ROUND) return
    }
    after = undefined
    recurring.sweepEnded()
  }

  async function fill(signal: AbortSignal): Promise<Reconciled> {
    if (await queue.isPaused()) return { status: 'paused' }
    if ((await countPublishedCourses(db)) === 0) return { status: 'no-published-courses' }
    const refilled = await refill(queue, dueUsers(), {
      source: 'reconcile',
      maxPending: DEFAULT_MAX_PENDING,
      onQueued: recurring.queued,
      signal,
    })
    return { status: 'done', ...refilled, recurring: recurring.count() }
  }

  return async (signal: AbortSignal): Promise<Reconciled> =>
    (await withReconcileLock(db, () => fill(signal))) ?? { status: 'locked' }
}

export interface ReconcilerOptions {
  db: Database
  queue: EventQueue
  intervalMs: number
  onRound: (round: Reconciled) => void
  onError: (error: unknown) => void
}

/**
 * Reconciles now and then every `intervalMs`, until stopped. A failing round is told and the next one tries again.
 *
 * @returns stops it: resolves when the round under way has ended
 */
export function startReconciler({
  db,
  queue,
  intervalMs,
  onRound,
  onError,
}: ReconcilerOptions): () => Promise<void> {
  const stopping = new AbortController()
  const { signal } = stopping
  const round = createRounds({ db, queue, intervalMs })

  async function rounds(): Promise<void> {
    while (!signal.aborted) {
      await round(signal).then(onRound, (error: unknown) => {
        if (!signal.aborted) onError(error)
      })
      await delay(intervalMs, undefined, { signal }).catch(() => undefined)
    }
  }

  const running = intervalMs === 0 ? Promise.resolve() : rounds()
  return () => {
    stopping.abort()
    return running
  }
}
