import { userInfo } from 'node:os'
import type { Logger } from '../config/log.js'
import { safeError } from '../config/safe-error.js'
import type { AuditEvent } from '../db/audit.js'
import { beginRecord } from '../db/audit-record.js'
import type { Database } from '../db/schema.js'
import type { Answer } from './command.js'

interface AuditedContext {
  settings: { readonly DATABASE_URL?: string | undefined }
  database(url: string): Database
  log: Logger
}

/** What a command did: its answer, and the result for the audit log in a few words. */
interface Done {
  answer: Answer
  result: string
}

/**
 * Does something and records it in the audit log. What cannot be recorded is done all the same, and the answer says so.
 *
 * @param work gets a function that remembers how far it is
 */
export async function audited(
  { settings, database, log }: AuditedContext,
  event: Pick<AuditEvent, 'action' | 'target'>,
  work: (progress: (soFar: string) => void) => Promise<Done>,
): Promise<Answer> {
  const url = settings.DATABASE_URL
  if (url === undefined) {
    const { answer } = await work(() => undefined)
    return notRecorded(answer, 'DATABASE_URL is not set')
  }
  const record = await beginRecord(database(url), { who: operatorName(), through: 'command', ...event })
  let last = ''
  try {
    const { answer, result } = await work((soFar) => {
      last = `; ${soFar}`
      record.progress(soFar)
    })
    const failure = await record.end({ result, succeeded: (answer.exitCode ?? 0) === 0 })
    if (failure === undefined) return answer
    log.warn({ ...event, err: failure }, 'not written to the audit log')
    return notRecorded(answer, safeError(failure).message)
  } catch (error) {
    const failure = await record.end({ result: `${safeError(error).message}${last}`, succeeded: false })
    if (failure !== undefined) log.warn({ ...event, err: failure }, 'not written to the audit log')
    throw error
  }
}

function notRecorded(answer: Answer, reason: string): Answer {
  return {
    ...answer,
    text: `${answer.text}\nThis was done, but could not be written to the audit log: ${reason}.`,
    json: { ...answer.json, notAudited: reason },
  }
}

/** Which signal ended a command before it was done. */
export function interruption(signal: AbortSignal): string {
  return safeError(signal.reason).message
}

/** The operating system's user; of somebody who became root by sudo, both. */
export function operatorName(): string {
  const { SUDO_USER } = process.env
  try {
    const { username } = userInfo()
    return SUDO_USER === undefined || SUDO_USER === username ? username : `${SUDO_USER} as ${username}`
  } catch {
    // A container may run as a user that has no name.
    return SUDO_USER ?? `user ${process.getuid?.() ?? 'unknown'}`
  }
}
