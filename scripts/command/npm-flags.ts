import { spawnSync } from 'node:child_process'
import type { Option } from 'commander'
import { UsageError } from './answer.js'

/** Commands of npm after which it parses flags itself, up to a `--`. */
const RUNS_A_SCRIPT = ['run', 'run-script', 'start', 'stop', 'restart', 'test']
const RUNS_A_PACKAGE = 'exec'

interface KeptFlag {
  name: string
  /** As the flag is written, such as `--since <time>`. */
  flags: string
  /** What npm made of it: `true` where the value went on as an argument. */
  value: string
}

/**
 * Stops a command when npm kept one of its flags: `npm run backfill --dry-run`, without `--` before the flag, would run
 * the real backfill. npm leaves no trace of it but `npm_config_dry_run` in the environment. Other package managers pass
 * flags on.
 *
 * @throws {UsageError} with the line to type
 */
export function refuseFlagsKeptByNpm(name: string, flags: readonly Option[]): void {
  const { env } = process
  const byScript = RUNS_A_SCRIPT.includes(env.npm_command ?? '')
  if (!env.npm_config_user_agent?.startsWith('npm/')) return
  if (!byScript && env.npm_command !== RUNS_A_PACKAGE) return

  const words = process.argv.slice(2)
  if (words.includes('--help')) return
  const kept = keptFlags(flags, words).filter(
    // npx has its own --yes, and a setting in an .npmrc is not a flag. For a dry run, refusing once too often is better.
    (flag) => flag.name === 'dry-run' || ((byScript || flag.name !== 'yes') && !isConfigured(flag)),
  )
  if (kept.length === 0) return
  const command = byScript ? `npm run ${env.npm_lifecycle_event} --` : `npx auto-enroll ${name}`
  throw new UsageError(explain(kept, words, { name, command, flags }))
}

function keptFlags(flags: readonly Option[], words: readonly string[]): KeptFlag[] {
  const own = flags.map((flag) => ({ name: flag.name(), flags: flag.flags, takesValue: flag.required }))
  // A command without it would do for real what was to be tried.
  if (!own.some(({ name }) => name === 'dry-run')) {
    own.push({ name: 'dry-run', flags: '--dry-run', takesValue: false })
  }
  return own.flatMap(({ name, flags, takesValue }) => {
    const value = configOf(name)
    const isOff = !takesValue && (value === '' || value === 'false')
    const passedOn = words.some((word) => word === `--${name}` || word.startsWith(`--${name}=`))
    return value === undefined || isOff || passedOn ? [] : [{ name, flags, value }]
  })
}

/** The value that npm took for this name, or for the same name with other dashes, such as `--dryrun`. */
function configOf(name: string): string | undefined {
  const letters = (text: string) => text.replaceAll(/[-_]/g, '')
  const key = Object.keys(process.env).find((key) => letters(key) === letters(`npm_config_${name}`))
  return key === undefined ? undefined : process.env[key]
}

/** Whether npm has this value without the command line, from one of its configuration files. */
function isConfigured({ name, value }: KeptFlag): boolean {
  const { npm_execpath: npm = '', [`npm_config_${name.replaceAll('-', '_')}`]: _, ...env } = process.env
  const asked = spawnSync(process.execPath, [npm, 'config', 'get', name], {
    env,
    encoding: 'utf8',
    timeout: 5000,
  })
  return asked.stdout.trim() === value
}

interface Called {
  name: string
  command: string
  flags: readonly Option[]
}

function explain(
  kept: readonly KeptFlag[],
  words: readonly string[],
  { name, command, flags }: Called,
): string {
  const taken = kept.map((flag) => `--${flag.name}`).join(' and ')
  if (!flags.some((flag) => flag.name() === 'dry-run') && kept.some((flag) => flag.name === 'dry-run')) {
    return `npm took ${taken} for itself, and ${name} has no --dry-run. Nothing was done.`
  }
  return [
    `npm took ${taken} for itself, so ${name} would run without. Nothing was done; type`,
    `  ${command} ${lineOf(kept, words).join(' ')}`,
    ...(kept.some((flag) => flag.name === 'dry-run')
      ? ['If you did not type --dry-run, it is one of npm’s settings: npm config get dry-run']
      : []),
  ].join('\n')
}

/** The words as they were meant. A value that was split from its flag can be put back where there is just one. */
function lineOf(kept: readonly KeptFlag[], words: readonly string[]): string[] {
  const split = kept.filter(({ flags, value }) => flags.includes('<') && value === 'true')
  const whole = kept.filter((flag) => !split.includes(flag)).map(written)
  const [only, ...others] = split
  if (only === undefined) return [...words, ...whole]
  if (others.length === 0 && words.length > 0) return [`--${only.name}`, ...words, ...whole]
  return [...split.map(({ flags }) => flags), ...whole]
}

function written({ name, flags, value }: KeptFlag): string {
  return flags.includes('<') ? `--${name} ${value}` : `--${name}`
}
