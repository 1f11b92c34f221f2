import type { Settings } from '../../config/settings.js'
import type { Database } from '../../db/schema.js'
import type { EventQueue } from '../../queue/open.js'
import { type Check, ok, warning } from './check.js'
import { judgeClocks } from './clock.js'
import { checkDatabase } from './database.js'
import { checkQueue } from './queue.js'

export interface Diagnosis {
  /** Whether the worker could run. */
  ok: boolean
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
  const checks = [
    judgeEnabled(settings.AUTO_ENROLL_ENABLED),
    ...database.checks,
    ...queued.checks,
    ...judgeClocks([...database.clocks, ...queued.clocks]),
  ]
  return { ok: checks.every(({ status }) => status !== 'failed'), checks }
}

function judgeEnabled(enabled: boolean): Check {
  return enabled
    ? ok('settings', 'complete and valid')
    : warning(
        'settings',
        'AUTO_ENROLL_ENABLED is false: nothing is published, consumed or reconciled',
        'set it to true; the reconciler then catches up',
      )
}
