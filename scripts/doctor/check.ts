import { within } from '../../config/deadline.js'
import { safeError } from '../../config/safe-error.js'

/**
 * What was found, and what to do about it. `failed` means that the worker could not run, or that people are not being enrolled
 * and nothing will change that by itself.
 */
export interface Check {
  name: string
  status: 'ok' | 'warning' | 'failed'
  message: string
  fix?: string
}

export const ok = (name: string, message: string): Check => ({ name, status: 'ok', message })
export const warning = (name: string, message: string, fix: string): Check => ({
  name,
  status: 'warning',
  message,
  fix,
})
export const failed = (name: string, message: string, fix: string): Check => ({
  name,
  status: 'failed',
  message,
  fix,
})

/** How long a server may take for one check; after that it counts as not responding. */
export const CHECK_TIMEOUT_MS = 2500

/** Limits the time of a request to a server that may never respond. */
export function answerOf<T>(question: Promise<T>): Promise<T> {
  return within(CHECK_TIMEOUT_MS, question)
}

/** Runs checks that share a request; if it fails or takes too long, that is a warning under `name`. */
export async function checked(name: string, checks: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await answerOf(checks())
  } catch (error) {
    return [warning(name, `could not be asked: ${reasonOf(error)}`, 'run npm run doctor again')]
  }
}

/** An error's message and code, without secrets. */
export function reasonOf(error: unknown): string {
  const { message, code } = safeError(error)
  return code === undefined || message.includes(code) ? message : `${message} (${code})`
}

const SIGNS = { ok: '✓', warning: '!', failed: '✗' }

/** One line a check, and the summary. */
export function report({ checks, summary }: { checks: readonly Check[]; summary: string }): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  return [
    ...checks.map(
      ({ name, status, message, fix }) =>
        `${SIGNS[status]} ${name.padEnd(width)}  ${message}${fix === undefined ? '' : ` → ${fix}`}`,
    ),
    summary,
  ].join('\n')
}
