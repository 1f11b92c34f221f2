import { basename } from 'node:path'
import { CommanderError } from 'commander'
import { Refusal } from '../../config/refusal.js'
import { codeOf, safeError } from '../../config/safe-error.js'
import { SettingsError } from '../../config/settings.js'

/** What a command reports: to a person, to a program (`--json`), and by its exit code (0 unless set). */
export interface Answer {
  text: string
  json: object
  exitCode?: number
}

/** Wrong usage that the flags' own checks cannot find: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const EXIT_FAILED = 1
const EXIT_USAGE = 2

/** What a command reports that threw: wrong usage with a hint, anything else in one line without secrets. */
export function answerFor(error: unknown, name: string): Answer {
  if (error instanceof CommanderError || error instanceof SettingsError || error instanceof UsageError) {
    const hint = `See npm run ${name} -- --help and the README's settings.`
    return { text: `${error.message}\n${hint}`, json: { error: error.message }, exitCode: EXIT_USAGE }
  }
  if (error instanceof Refusal) {
    return { text: error.message, json: { error: error.message }, exitCode: EXIT_USAGE }
  }
  const { message, code } = safeError(error)
  const coded = code === undefined || message.includes(code) ? message : `${message} (${code})`
  const report = code === undefined ? coded : `${coded}; npm run doctor says what to do`
  return { text: report, json: { error: report }, exitCode: EXIT_FAILED }
}

/**
 * Prints to stdout, or to stderr when it is an error message for a person.
 *
 * @returns the exit code of the answer, or 1 if the disk is full
 */
export async function print(answer: Answer, json: boolean): Promise<number> {
  const { text, json: document, exitCode = 0 } = answer
  const output = json ? JSON.stringify(document, null, 2) : text
  if (output === '') return exitCode
  const stream = json || exitCode === 0 || !('error' in document) ? process.stdout : process.stderr
  const code = await write(stream, `${asCalled(output)}\n`)
  // A reader such as `head` that has gone has read enough.
  if (code === undefined || code === 'EPIPE') return exitCode
  await write(process.stderr, `the result could not be written: ${code}\n`)
  return EXIT_FAILED
}

/** @returns the code of the error, if there was one */
function write(stream: NodeJS.WriteStream, output: string): Promise<string | undefined> {
  stream.on('error', () => undefined)
  return new Promise((resolve) =>
    stream.write(output, (error) => resolve(error ? (codeOf(error) ?? error.name) : undefined)),
  )
}

/**
 * Names commands as they were called: `auto-enroll verify` rather than `npm run verify`. A line to type, which stands
 * alone and indented, stays as it is.
 */
export function asCalled(text: string): string {
  if (basename(process.argv[1] ?? '', '.js') !== 'auto-enroll') return text
  return text.replace(/(?<!^ {2})npm run ([\w-]+)(?: --(?= |$))?/gm, 'auto-enroll $1')
}
