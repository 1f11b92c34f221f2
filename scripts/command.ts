import { setTimeout as delay } from 'node:timers/promises'
import { type Argument, Command, CommanderError, type Option } from 'commander'
import { createLog, type Logger } from '../config/log.js'
import { safeError } from '../config/safe-error.js'
import { readSettings, type SettingName, type Settings, SettingsError } from '../config/settings.js'
import { connectDatabase } from '../db/connect.js'
import type { Database } from '../db/schema.js'
import { type EventQueue, openQueue } from '../queue/open.js'

/** What a command has to tell: for a person, for a program (`--json`), and by its exit code (0 unless set). */
export interface Answer {
  text: string
  json: object
  exitCode?: number
}

/** Wrong usage that the flags' own checks cannot see: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface Context<Needed extends SettingName = never> {
  settings: Settings & { readonly [Name in Needed]-?: NonNullable<Settings[Name]> }
  log: Logger
  /** Whether a program reads the answer. */
  json: boolean
  /** Opens the application's database; closed when the command ends. */
  database(url: string): Database
  /** Opens the queue; closed when the command ends. */
  queue(url: string): EventQueue
  /** Aborted by the first SIGINT or SIGTERM; a second one ends the process at once. */
  signal: AbortSignal
}

interface Usage {
  name: string
  description: string
  flags?: readonly Option[]
  /** What must follow the flags, such as `<user>`. */
  argument?: Argument
}

interface CommandSpec<Flags, Needed extends SettingName> extends Usage {
  /** Settings without a default that the command cannot do without. */
  needs?: readonly Needed[]
  /** It makes what it must remove at the end, so a second signal does not cut that short; `run` bounds it. */
  mustCleanUp?: boolean
  run: (context: Context<Needed>, flags: Flags, argument: string) => Promise<Answer>
}

/** How long a command waits for a queue that does not answer. */
const QUEUE_TIMEOUT_MS = 5000
const CLOSE_TIMEOUT_MS = 2000
/** A Ctrl-C reaches a command twice under npm: from the terminal, and passed on by npm a moment later. */
const SAME_PRESS_MS = 500

export const EXIT_FAILED = 1
export const EXIT_USAGE = 2

/**
 * Runs a command as a process: parses its flags, reads the settings, prints the answer (one JSON document on stdout with
 * `--json`), closes what it opened, and exits: 0, or 1 when it failed, or 2 when it was used wrongly.
 */
export async function runCommand<Flags extends object, Needed extends SettingName = never>(
  spec: CommandSpec<Flags, Needed>,
): Promise<never> {
  const json = process.argv.includes('--json')
  const closing: (() => Promise<void>)[] = []
  let answer: Answer
  try {
    const { flags, argument } = parseFlags<Flags>(spec)
    const settings = readSettings(process.env, spec.needs ?? [])
    answer = await spec.run(contextFor(settings, spec, json, closing), flags, argument)
  } catch (error) {
    answer = answerFor(error, spec.name)
  }
  await Promise.race([Promise.allSettled(closing.map((close) => close())), delay(CLOSE_TIMEOUT_MS)])
  await print(answer, json)
  process.exit(answer.exitCode ?? 0)
}

function parseFlags<Flags extends object>({
  name,
  description,
  flags = [],
  argument,
}: Usage): { flags: Flags; argument: string } {
  const command = new Command(`npm run ${name} --`)
    .description(description)
    .allowExcessArguments(false)
    .helpOption('--help', 'show this help')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  for (const flag of flags) command.addOption(flag)
  if (argument !== undefined) command.addArgument(argument)
  command.option('--json', 'print one JSON document on stdout, and logs on stderr')
  command.parse()
  return { flags: command.opts<Flags>(), argument: command.args[0] ?? '' }
}

function contextFor<Needed extends SettingName>(
  settings: Context<Needed>['settings'],
  { name, mustCleanUp = false }: Pick<CommandSpec<never, never>, 'name' | 'mustCleanUp'>,
  json: boolean,
  closing: (() => Promise<void>)[],
): Context<Needed> {
  const log = createLog(name, settings.LOG_LEVEL)
  return {
    settings,
    log,
    json,
    signal: abortOnSignal(mustCleanUp),
    database(url) {
      const db = connectDatabase(url, { applicationName: `auto-enroll ${name}`, queryTimeoutMs: 0 })
      closing.push(() => db.destroy())
      return db
    },
    queue(url) {
      const queue = openQueue({
        url,
        prefix: settings.QUEUE_PREFIX,
        timeoutMs: QUEUE_TIMEOUT_MS,
        onError: (error) => log.debug({ err: error }, 'the queue is in trouble'),
      })
      closing.push(() => queue.close())
      return queue
    },
  }
}

function abortOnSignal(mustCleanUp: boolean): AbortSignal {
  const controller = new AbortController()
  let abortedAt = 0
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) {
        abortedAt = performance.now()
        controller.abort(new Error(`interrupted by ${signal}`))
      } else if (!mustCleanUp && performance.now() - abortedAt > SAME_PRESS_MS) process.exit(128 + number)
    })
  }
  return controller.signal
}

function answerFor(error: unknown, name: string): Answer {
  if (error instanceof CommanderError && error.exitCode === 0) return { text: '', json: {} }
  if (error instanceof CommanderError) return failure(error.message, EXIT_USAGE, name)
  if (error instanceof SettingsError || error instanceof UsageError)
    return failure(error.message, EXIT_USAGE, name)
  const { message, code } = safeError(error)
  return failure(
    code === undefined || message.includes(code) ? message : `${message} (${code})`,
    EXIT_FAILED,
    name,
  )
}

function failure(message: string, exitCode: number, name: string): Answer {
  const hint = exitCode === EXIT_USAGE ? `\nSee npm run ${name} -- --help and the README's settings.` : ''
  return { text: `${message}${hint}`, json: { error: message }, exitCode }
}

async function print({ text, json: document, exitCode = 0 }: Answer, json: boolean): Promise<void> {
  const output = json ? JSON.stringify(document, null, 2) : text
  if (output === '') return
  const stream = json || exitCode === 0 || !('error' in document) ? process.stdout : process.stderr
  await new Promise<void>((resolve) => stream.write(`${output}\n`, () => resolve()))
}
