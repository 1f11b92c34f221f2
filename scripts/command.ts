import { setTimeout as delay } from 'node:timers/promises'
import { type Argument, Command, CommanderError, Option } from 'commander'
import { within } from '../config/deadline.js'
import { readSettings, type SettingName } from '../config/settings.js'
import { type Answer, answerFor, print } from './command/answer.js'
import { type Context, openContext } from './command/context.js'
import { refuseFlagsKeptByNpm } from './command/npm-flags.js'

export { type Answer, EXIT_FAILED, UsageError } from './command/answer.js'

interface Usage {
  name: string
  /** Its first sentence is what a list of commands shows. */
  description: string
  flags?: readonly Option[]
  /** What must follow the flags, such as `<user>`. */
  argument?: Argument
}

interface CommandSpec<Flags, Needed extends SettingName> extends Usage {
  /** Settings that the command requires and that have no default. */
  needs?: readonly Needed[]
  /** It has to remove something at the end, so a second signal does not end it; `run` must limit how long that takes. */
  mustCleanUp?: boolean
  /** Runs until it is signalled. A reader of its output that is stuck does not keep it from ending. */
  isService?: boolean
  run: (context: Context<Needed>, flags: Flags, argument: string) => Promise<Answer>
}

const CLOSE_TIMEOUT_MS = 1500
const SERVICE_PRINTS_WITHIN_MS = 1000
const JSON_FLAG = new Option('--json', 'print one JSON document on stdout, and logs on stderr')

/** Set while commands are loaded only to be listed. */
let listed: Usage[] | undefined

/** Loads commands without running them, and returns how each describes itself. */
export async function listCommands(load: () => Promise<unknown>): Promise<readonly Usage[]> {
  const commands: Usage[] = []
  listed = commands
  await load()
  return commands
}

/**
 * Runs a command as a process: parses its flags, reads the settings, prints the result (one JSON document on stdout with
 * `--json`), closes what it opened, and exits with 0, 1 if it failed, or 2 if it was used wrongly.
 */
export async function runCommand<Flags extends object, Needed extends SettingName = never>(
  spec: CommandSpec<Flags, Needed>,
): Promise<void> {
  if (listed !== undefined) {
    listed.push(spec)
    return
  }
  const json = process.argv.includes('--json')
  // An error that nothing caught is reported in one line like any other, since a stack trace may repeat a row. A command
  // that listens for it ends in its own way.
  process.once('uncaughtException', (error) => {
    if (process.listenerCount('uncaughtException') === 0) void exit(answerFor(error, spec.name), json, spec)
  })
  await exit(await answerOf(spec, json), json, spec)
}

async function answerOf<Flags extends object, Needed extends SettingName>(
  spec: CommandSpec<Flags, Needed>,
  json: boolean,
): Promise<Answer> {
  try {
    const parsed = parseFlags<Flags>(spec)
    if ('help' in parsed) return { text: parsed.help.trimEnd(), json: parsed }
    const open = openContext(readSettings(process.env, spec.needs ?? []), spec, json)
    try {
      return await spec.run(open.context, parsed.flags, parsed.argument)
    } catch (error) {
      return answerFor(open.explain(error), spec.name)
    } finally {
      await Promise.race([open.close(), delay(CLOSE_TIMEOUT_MS)])
    }
  } catch (error) {
    return answerFor(error, spec.name)
  }
}

function parseFlags<Flags extends object>({
  name,
  description,
  flags = [],
  argument,
}: Usage): { flags: Flags; argument: string } | { help: string } {
  refuseFlagsKeptByNpm(name, [...flags, JSON_FLAG])
  let help = ''
  const command = new Command(`npm run ${name} --`)
    .description(description)
    .allowExcessArguments(false)
    .helpOption('--help', 'show this help')
    .exitOverride()
    .configureOutput({
      writeErr: () => undefined,
      writeOut: (text) => {
        help += text
      },
    })
  for (const flag of [...flags, JSON_FLAG]) command.addOption(flag)
  if (argument !== undefined) command.addArgument(argument)
  try {
    command.parse()
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return { help }
    throw error
  }
  return { flags: command.opts<Flags>(), argument: command.args[0] ?? '' }
}

async function exit(
  answer: Answer,
  json: boolean,
  { isService = false }: { isService?: boolean },
): Promise<never> {
  const printed = print(answer, json)
  const printedInTime = isService ? within(SERVICE_PRINTS_WITHIN_MS, printed) : printed
  process.exit(await printedInTime.catch(() => answer.exitCode ?? 0))
}
