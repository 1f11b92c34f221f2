import { setTimeout as delay } from 'node:timers/promises'
import { columnsOf } from '../db/columns.js'
import { countPublishedCourses } from '../db/courses.js'
import { withReconcileLock } from '../db/lock.js'
import type { Database } from '../db/schema.js'
import { userIdsWithoutEnrollment } from '../db/users.js'
import type { EventQueue } from '../queue/open.js'
import { type Refilled, type RefillOptions, refill } from '../queue/refill.js'

/** What a round found: `done`, or why there was nothing to do. */
export type Reconciled =
  | ({ status: 'done' } & Refilled)
  | { status: 'locked' | 'paused' | 'no-published-courses' }

export const DEFAULT_MAX_PENDING = 50_000

type QueueMissingOptions = { db: Database; queue: EventQueue } & Omit<RefillOptions, 'chunkSize'>

/** Queues every user who has no enrollment at all: what the reconciler and the backfill have in common. */
export async function queueMissingUsers({ db, queue, ...options }: QueueMissingOptions): Promise<Refilled> {
  return refill(queue, userIdsWithoutEnrollment(db, await columnsOf(db)), options)
}

/** One round: at most one of the fleet at a time, not while the queue is paused, not when no course is published. */
export async function reconcile(db: Database, queue: EventQueue, signal: AbortSignal): Promise<Reconciled> {
  const round = await withReconcileLock(db, async (): Promise<Reconciled> => {
    if (await queue.isPaused()) return { status: 'paused' }
    if ((await countPublishedCourses(db)) === 0) return { status: 'no-published-courses' }
    const refilled = await queueMissingUsers({
      db,
      queue,
      source: 'reconcile',
      maxPending: DEFAULT_MAX_PENDING,
      signal,
    })
    return { status: 'done', ...refilled }
  })
  return round ?? { status: 'locked' }
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

  async function rounds(): Promise<void> {
    while (!signal.aborted) {
      await reconcile(db, queue, signal).then(onRound, (error: unknown) => {
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
