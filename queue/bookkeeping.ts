import { MetricsTime } from 'bullmq'
import type pg from 'pg'
import { COMPLETED_KEPT, QUEUE_NAME } from './user-created.js'

const INTERVAL_MS = 1000

/** Finished jobs in each of so many minutes are remembered. */
export const COUNTED_MINUTES = MetricsTime.TWO_WEEKS

export interface Bookkeeping {
  finished(kind: 'completed' | 'failed'): void
  /** Writes down what is left. */
  stop(): Promise<void>
}

/**
 * Counts finished jobs and removes old ones on Postgres, every second for all that have finished since. BullMQ does so
 * after each job, in rows that are the same for all: jobs that finish at the same time then wait for each other's commit,
 * and so does the next job, which is handed out with that. What is called here are the functions that BullMQ calls.
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
