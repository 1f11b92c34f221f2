import { userInfo } from 'node:os'
import type { Logger } from '../config/log.js'
import { safeError } from '../config/safe-error.js'
import { type AuditedAction, writeDown } from '../db/audit.js'
import type { Database } from '../db/schema.js'

interface AuditedContext {
  settings: { readonly DATABASE_URL?: string | undefined }
  database(url: string): Database
  log: Logger
}

/**
 * Does something and writes it to the audit log, where there is one; whatever keeps it from being written down does not
 * keep it from being done.
 */
export async function audited<T>(
  { settings, database, log }: AuditedContext,
  action: AuditedAction,
  work: () => Promise<T>,
  tell: (done: T) => string = () => 'done',
): Promise<T> {
  if (settings.DATABASE_URL === undefined) return work()
  const end = await writeDown(
    database(settings.DATABASE_URL),
    { who: operatorName(), through: 'command', action },
    (error) => log.debug({ err: error }, 'not written to the audit log'),
  )
  try {
    const done = await work()
    await end({ result: tell(done), succeeded: true })
    return done
  } catch (error) {
    await end({ result: safeError(error).message, succeeded: false })
    throw error
  }
}

export function operatorName(): string {
  try {
    return userInfo().username
  } catch {
    return 'unknown'
  }
}
