import { MetricsTime } from 'bullmq'
import type pg from 'pg'
import { COMPLETED_KEPT, QUEUE_NAME } from './user-created.js'

const INTERVAL_MS = 1000

/** For how many minutes the number of finished jobs per minute is kept. */
export const COUNTED_MINUTES = MetricsTime.TWO_WEEKS

export interface Bookkeeping {
  finished(kind: 'completed' | 'failed'): void
  /** Writes what has not been written yet. */
  stop(): Promise<void>
}

/**
 * Counts finished jobs on Postgres and removes old ones, once a second. BullMQ does this after each job, and updates one
 * counter row for all jobs, so finishing jobs queue behind each other, and so does fetching the next one. This calls the
 * same functions as BullMQ.
 */
export function keepBooks(pool: pg.Pool, onError: (error: Error) => void): Bookkeeping {
  const counts = { completed: 0, failed: 0 }

  async function write(): Promise<void> {
    const now = Date.now()
    for (const kind of ['completed', 'failed'] as const) {
      const count = counts[kind]
      if (count === 0) continue
      await pool.query('select collect_metrics($1, $2, $3, $4)', [QUEUE_NAME, kind, COUNTED_MINUTES, now])
      await pool.query('update metrics set count = count + $3 where queue = $1 and kind = $2', [
        QUEUE_NAME,
        kind,
        count - 1,
      ])
      counts[kind] -= count
      if (kind === 'completed') {
        await pool.query(`select apply_retention($1, '', 'completed', $2, false, $3, $4)`, [
          QUEUE_NAME,
          now,
          COMPLETED_KEPT.age,
          COMPLETED_KEPT.count,
        ])
      }
    }
  }

  let writing: Promise<void> | undefined
  function writeDown(): Promise<void> {
    writing ??= write()
      .catch(onError)
      .finally(() => {
        writing = undefined
      })
    return writing
  }
  const timer = setInterval(writeDown, INTERVAL_MS).unref()
  return {
    finished(kind) {
      counts[kind] += 1
    },
    async stop() {
      clearInterval(timer)
      await writing
      await writeDown()
    },
  }
}
