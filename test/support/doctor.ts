import { readSettings } from '../../config/settings.js'
import { connectDatabase } from '../../db/connect.js'
import { openQueue } from '../../queue/open.js'
import { type Diagnosis, diagnose } from '../../scripts/doctor/diagnose.js'

export interface Complaints {
  ok: boolean
  /** Every check that is not ok, as `name: message → fix`, with `!` before a warning and `✗` before a failure. */
  complaints: string[]
}

/** What `npm run doctor` finds wrong with these settings, apart from having no worker: few tests start one. */
export async function complaintsOfDoctor(env: Record<string, string>): Promise<Complaints> {
  const { checks } = await diagnosisOf(env)
  const complaints = checks
    .filter(({ name, status }) => status !== 'ok' && name !== 'workers')
    .map(
      ({ name, status, message, fix }) => `${status === 'failed' ? '✗' : '!'} ${name}: ${message} → ${fix}`,
    )
  return { ok: complaints.every((complaint) => !complaint.startsWith('✗')), complaints }
}

export async function diagnosisOf(env: Record<string, string>): Promise<Diagnosis> {
  const settings = readSettings(env, ['DATABASE_URL', 'QUEUE_URL'])
  const db = connectDatabase(settings.DATABASE_URL)
  const queue = openQueue({
    url: settings.QUEUE_URL,
    prefix: settings.QUEUE_PREFIX,
    timeoutMs: 5000,
    onError: () => undefined,
  })
  try {
    return await diagnose({ settings, db, queue })
  } finally {
    await Promise.all([db.destroy(), queue.close()])
  }
}
