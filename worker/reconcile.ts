import { setTimeout as delay } from 'node:timers/promises'
import { type Columns, columnsOf } from '../db/columns.js'
import { countPublishedCourses } from '../db/courses.js'
import { createLease, type Lease } from '../db/lease.js'
import type { Database } from '../db/schema.js'
import { userIdsWithoutEnrollment } from '../db/users.js'
import type { EventQueue } from '../queue/open.js'
import { type Refilled, type RefillOptions, refill } from '../queue/refill.js'
import { rememberQueued } from './recurring.js'

/**
 * The result of a round: `done`, or why there was nothing to do. `recurring` counts users who were queued in several rounds and
 * still have no enrollment.
 */
export type Reconciled =
  | ({ status: 'done'; recurring: number } & Refilled)
  | { status: 'locked' | 'paused' | 'no-published-courses' }

export const DEFAULT_MAX_PENDING = 50_000

/** A round ends after this many users, and the next one continues from there. */
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
  /** Whether this worker must leave the queue alone, even if the queue is not paused. */
  isHeld?: () => boolean
}

/**
 * The rounds of one worker: once per interval for the whole fleet, but not while the queue is paused or no course is published. A
 * round is bounded, and the next one continues where it stopped. Users who keep coming back are queued less and less often.
 */
export function createRounds({ db, queue, intervalMs, isHeld = () => false }: RoundsOptions) {
  const lease = createLease(db, { name: `reconcile ${queue.link.options.prefix}`, everyMs: intervalMs })
  const recurring = rememberQueued(intervalMs)
  /** The last user of the last page that was queued in this sweep. */
  let after: string | undefined

  async function fill({ renew }: Lease, signal: AbortSignal): Promise<Reconciled> {
    if (isHeld() || (await queue.isPaused())) return { status: 'paused' }
    if ((await countPublishedCourses(db)) === 0) return { status: 'no-published-courses' }
    const sweep = sweepFrom(after, await columnsOf(db))
    const refilled = await refill(queue, sweep.pages, {
      source: 'reconcile',
      maxPending: DEFAULT_MAX_PENDING,
      onQueued: recurring.queued,
      onPage: () => {
        after = sweep.nextEnd()
      },
      mayGoOn: renew,
      signal,
    })
    if (sweep.reachedEnd()) {
      after = undefined
      recurring.sweepEnded()
    }
    return { status: 'done', ...refilled, recurring: recurring.count() }
  }

  /** Pages of users who are due, with the last user of each page. Pages are read before they are queued. */
  function sweepFrom(start: string | undefined, columns: Columns) {
    const ends: string[] = []
    let ended = false

    async function* duePages(): AsyncGenerator<string[]> {
      let count = 0
      const from = start === undefined ? {} : { after: start }
      for await (const page of userIdsWithoutEnrollment(db, columns, from)) {
        const due = recurring.due(page)
        ends.push(page.at(-1) ?? '')
        yield due
        count += due.length
        if (count >= MAX_USERS_PER_ROUND) return
      }
      ended = true
    }

    return { pages: duePages(), nextEnd: () => ends.shift(), reachedEnd: () => ended }
  }

  return {
    run: async (signal: AbortSignal): Promise<Reconciled> =>
      (await lease.run((held) => fill(held, signal))) ?? { status: 'locked' },
    handOver: lease.handOver,
  }
}

export interface ReconcilerOptions extends RoundsOptions {
  onRound: (round: Reconciled) => void
  onError: (error: unknown) => void
}

/**
 * Reconciles now and then every `intervalMs`, until stopped. A failed round is reported and the next one tries again.
 *
 * @returns a function that stops it and resolves when the current round has ended
 */
export function startReconciler({ onRound, onError, ...options }: ReconcilerOptions): () => Promise<void> {
  const { intervalMs } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const rounds = createRounds(options)

  async function reconcile(): Promise<void> {
    while (!signal.aborted) {
      const round = await rounds.run(signal).catch((error: unknown) => {
        if (!signal.aborted) onError(error)
      })
      if (round !== undefined) onRound(round)
      const pauseMs = round?.status === 'locked' ? intervalMs / 2 : intervalMs
      await delay(pauseMs, undefined, { signal }).catch(() => undefined)
    }
    await rounds.handOver().catch(() => undefined)
  }

  const running = intervalMs === 0 ? Promise.resolve() : reconcile()
  return () => {
    stopping.abort()
    return running
  }
}
