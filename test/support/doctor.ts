import { readSettings } from '../../config/settings.js'
import { connectDatabase } from '../../db/connect.js'
import { openQueue } from '../../queue/open.js'
import { diagnose } from '../../scripts/doctor/diagnose.js'

export interface Complaints {
  ok: boolean
  /** Every check that is not ok, as `name: message → fix`, with `!` before a warning and `✗` before a failure. */
  complaints: string[]
}

/** What `npm run doctor` finds wrong with these settings. */
export async function complaintsOfDoctor(env: Record<string, string>): Promise<Complaints> {
  const settings = readSettings(env, ['DATABASE_URL', 'QUEUE_URL'])
  const db = connectDatabase(settings.DATABASE_URL)
  const queue = openQueue({
    url: settings.QUEUE_URL,
    prefix: settings.QUEUE_PREFIX,
    timeoutMs: 5000,
    onError: () => undefined,
  })
  try {
    const { ok, checks } = await diagnose({ settings, db, queue })
    const complaints = checks
      .filter(({ status }) => status !== 'ok')
      .map(
        ({ name, status, message, fix }) => `${status === 'failed' ? '✗' : '!'} ${name}: ${message} → ${fix}`,
      )
    return { ok, complaints }
  } finally {
    await Promise.all([db.destroy(), queue.close()])
  }
}
