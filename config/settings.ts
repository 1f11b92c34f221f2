import { POSTGRES_URL_FORM } from './postgres-url.js'
import { partitionsProblem, prefixProblem, QUEUE_URL_FORMS } from './queue-url.js'
import { type SettingName, type Settings, settingsSchema } from './settings-schema.js'

export type { SettingName, Settings }

/** Hosts that only this machine can reach. */
export const LOOPBACK = ['127.0.0.1', '::1', 'localhost']

/** Never repeated in a message. */
const SECRET: ReadonlySet<string> = new Set([
  'DATABASE_URL',
  'QUEUE_URL',
  'REDIS_URL',
  'DASHBOARD_PASSWORD',
  'DASHBOARD_VIEWER_PASSWORD',
])

/** Variables that are read when the setting itself is not set. */
const OTHER_NAMES: Readonly<Partial<Record<SettingName, string>>> = {
  QUEUE_URL: 'REDIS_URL',
  DASHBOARD_TRUSTED_PROXIES: 'DASHBOARD_PROXY_ADDRESSES',
}

/** One or more settings are missing or wrong. The message lists all of them and contains no secret. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'A setting is' : `${problems.length} settings are`
    super(`${count} wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/** A setting and what is wrong with it. */
type Problem = readonly [name: SettingName, message: string]

/**
 * Reads all settings from an environment. An empty variable counts as not set.
 *
 * @param needed settings without a default that the caller cannot do without
 * @throws {SettingsError} with every problem at once
 */
export function readSettings<Needed extends SettingName = never>(
  env: Environment,
  needed: readonly Needed[] = [],
): Settings & { readonly [Name in Needed]-?: NonNullable<Settings[Name]> } {
  const variables = findVariables(env)
  const { settings, wrong } = parse(variables)
  const missing = needed.filter((name) => !variables.has(name))
  const problems = [
    ...missing.map((name) => `${name} is not set; expected ${formOf(name)}`),
    ...[...wrong, ...conflicts(settings)].map((problem) => inWords(problem, variables)),
  ]
  if (problems.length > 0) throw new SettingsError(problems)
  return Object.freeze(settings) as ReturnType<typeof readSettings<Needed>>
}

type Variables = ReadonlyMap<string, { name: string; value: string }>

/** The variable that each setting is read from; a setting that is not set has none. */
function findVariables(env: Environment): Variables {
  const variables = new Map<string, { name: string; value: string }>()
  for (const setting of Object.keys(settingsSchema.shape) as SettingName[]) {
    const names = [setting, OTHER_NAMES[setting]].filter((name) => name !== undefined)
    const name = names.find((name) => env[name]?.trim())
    if (name !== undefined) variables.set(setting, { name, value: env[name]?.trim() ?? '' })
  }
  return variables
}

/** Parses each setting by itself, so that conflicts are found even while another setting is wrong. */
function parse(variables: Variables): { settings: Partial<Settings>; wrong: Problem[] } {
  const fields = Object.entries(settingsSchema.shape).map(
    ([name, schema]) => [name as SettingName, schema.safeParse(variables.get(name)?.value)] as const,
  )
  return {
    settings: Object.fromEntries(fields.map(([name, { data }]) => [name, data])),
    wrong: fields.flatMap(([name, { error }]) =>
      error?.issues[0] === undefined ? [] : [[name, error.issues[0].message] as const],
    ),
  }
}

/** What is wrong between settings that are right by themselves. */
function* conflicts(settings: Partial<Settings>): Generator<Problem> {
  const { QUEUE_URL, QUEUE_PREFIX, QUEUE_PARTITIONS, DASHBOARD_HOST, DASHBOARD_PASSWORD } = settings
  if (QUEUE_URL && QUEUE_PREFIX) {
    const problem = prefixProblem(QUEUE_URL, QUEUE_PREFIX)
    if (problem !== undefined) yield ['QUEUE_PREFIX', problem]
  }
  if (QUEUE_URL && QUEUE_PARTITIONS) {
    const problem = partitionsProblem(QUEUE_URL, QUEUE_PARTITIONS)
    if (problem !== undefined) yield ['QUEUE_PARTITIONS', problem]
  }
  if (DASHBOARD_HOST && !LOOPBACK.includes(DASHBOARD_HOST) && !DASHBOARD_PASSWORD) {
    const expected = 'expected 127.0.0.1, ::1 or localhost while DASHBOARD_PASSWORD is not set'
    yield ['DASHBOARD_HOST', `${expected}; set a password to open it`]
  }
  if (settings.DASHBOARD_VIEWER_PASSWORD && !DASHBOARD_PASSWORD) {
    const expected = 'expected DASHBOARD_PASSWORD to be set too'
    yield ['DASHBOARD_VIEWER_PASSWORD', `${expected}: without it everyone here is the operator`]
  }
  if (settings.DASHBOARD_VIEWER_PASSWORD && settings.DASHBOARD_VIEWER_USER === settings.DASHBOARD_USER) {
    yield ['DASHBOARD_VIEWER_USER', 'expected another name than DASHBOARD_USER']
  }
}

/** Repeats the value, unless it is a secret or a URL, which may contain one. */
function inWords([setting, message]: Problem, variables: Variables): string {
  const { name, value } = variables.get(setting) ?? { name: setting, value: undefined }
  const isPublic = value !== undefined && !SECRET.has(name) && !value.includes('://')
  return isPublic ? `${name}: ${message}, got ${JSON.stringify(value)}` : `${name}: ${message}`
}

function formOf(name: SettingName): string {
  if (name === 'DATABASE_URL') return POSTGRES_URL_FORM
  if (name === 'QUEUE_URL') return QUEUE_URL_FORMS
  return 'a value'
}
