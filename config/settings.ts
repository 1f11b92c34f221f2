import { isIP } from 'node:net'
import { z } from 'zod'
import { isPostgresUrl, POSTGRES_URL_FORM } from './postgres-url.js'
import { partitionsProblem, prefixProblem, QUEUE_URL_FORMS, queueUrlProblem } from './queue-url.js'

/** Hosts that only this machine reaches. */
export const LOOPBACK = ['127.0.0.1', '::1', 'localhost']
const PASSWORD_NEEDED =
  'expected 127.0.0.1, ::1 or localhost while DASHBOARD_PASSWORD is not set; set a password to open it'
const OPERATOR_NEEDED = 'expected DASHBOARD_PASSWORD to be set too: without it everybody here is the operator'
const ANOTHER_NAME = 'expected another name than DASHBOARD_USER'

/** Node's timers take no more: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

const wholeNumber = (min: number, max: number, expectation: string) =>
  z.coerce.number(expectation).int(expectation).min(min, expectation).max(max, expectation)

const milliseconds = (min: number, max = LONGEST_TIMER_MS) =>
  wholeNumber(min, max, `expected a whole number of milliseconds from ${min} to ${max}`)

const port = wholeNumber(0, 65535, 'expected a port number from 0 (any free one) to 65535')

const host = z.string().min(1)

const names = z.string().transform((list) =>
  list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
)

const PROXIES_EXPECTED = 'expected addresses or networks, such as 127.0.0.1,10.0.0.0/8,fd00::/8, or unix:'

const proxies = names.superRefine((entries, context) => {
  if (!entries.every(isProxy)) context.addIssue(PROXIES_EXPECTED)
})

/** An address, a network in CIDR notation, or whatever is at the other end of a Unix socket. */
function isProxy(entry: string): boolean {
  const [address = '', bits, ...more] = entry.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return entry === 'unix:'
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

const databaseUrl = z.string().superRefine((text, context) => {
  if (!isPostgresUrl(text)) {
    context.addIssue(`expected ${POSTGRES_URL_FORM}, with the password percent-encoded`)
  }
})

const queueUrl = z.string().superRefine((text, context) => {
  const problem = queueUrlProblem(text)
  if (problem !== undefined) context.addIssue(problem)
})

/**
 * Every setting of auto-enroll: type, default, limits, the message for a wrong value, and the README's table.
 * `SECRET` settings are never repeated in a message.
 */
export const settingsSchema = z.object({
  DATABASE_URL: databaseUrl
    .optional()
    .describe('The application’s Postgres. `?schema=name` selects a schema, as in Prisma'),
  QUEUE_URL: queueUrl
    .optional()
    .describe(
      'The queue (or `REDIS_URL`): `redis://`, `rediss://`, `redis+cluster://h1:p,h2:p`, `redis+sentinel://h1:p,h2:p/name`, `postgres://`',
    ),
  QUEUE_PREFIX: z
    .string()
    .regex(/^\S{1,100}$/, 'expected 1 to 100 characters without spaces')
    .default('{auto-enroll}')
    .describe('Namespace of the queue: the key prefix on Redis; on Postgres each prefix has its own schema'),
  QUEUE_PARTITIONS: z.coerce
    .number('expected a whole number from 1 to 64')
    .int('expected a whole number from 1 to 64')
    .min(1, 'expected a whole number from 1 to 64')
    .max(64, 'expected a whole number from 1 to 64')
    .default(1)
    .describe(
      'Number of queue partitions (by hash of user id), to spread over a Redis Cluster. Must be the same everywhere: ' +
        'raise it in workers first, lower it in publishers first',
    ),
  AUTO_ENROLL_ENABLED: z
    .stringbool({ error: 'expected true or false' })
    .default(true)
    .describe('`false`: publishers skip, workers idle, nothing is removed; the reconciler catches up later'),
  PUBLISH_TIMEOUT_MS: milliseconds(10, 60_000)
    .default(250)
    .describe('Longest time that publishing may delay a sign-up'),
  WORKER_CONCURRENCY: wholeNumber(1, 10_000, 'expected a whole number from 1 to 10000')
    .default(300)
    .describe(
      'Jobs that one worker process runs at the same time. A backlog gets at most 30 of them, 8 while people sign up (queue on Postgres: 10 and 4)',
    ),
  RECONCILE_INTERVAL_MS: milliseconds(0)
    .default(60_000)
    .describe('How often the workers together look for users without an enrollment; `0` turns it off'),
  SHUTDOWN_TIMEOUT_MS: milliseconds(0)
    .default(10_000)
    .describe('How long a stopping worker may take to finish its active jobs'),
  STALL_TIMEOUT_MS: milliseconds(0)
    .default(300_000)
    .describe(
      'How long jobs may wait while the worker finishes none before `/healthz` asks for a restart; `0`: never',
    ),
  ENROLLMENT_STATUS: z
    .string()
    .min(1, 'expected the status of a new enrollment, such as active')
    .default('active')
    .describe('Status of a new enrollment, spelled as in the column’s enum'),
  WORKER_HTTP_PORT: port
    .default(9464)
    .describe('Port of the worker’s `/healthz`, `/readyz` and `/metrics`; `0` takes a free one'),
  WORKER_HTTP_HOST: host.default('127.0.0.1').describe('Address that the worker’s HTTP server binds to'),
  DASHBOARD_PORT: port.default(9465).describe('Port of the operators’ page; `0` takes a free one'),
  DASHBOARD_HOST: host
    .default('127.0.0.1')
    .describe('Address that the dashboard binds to; without a password only loopback'),
  DASHBOARD_USER: z
    .string()
    .min(1)
    .default('admin')
    .describe('Name of the operator, who may pause, resume, backfill, retry and enroll'),
  DASHBOARD_PASSWORD: z
    .string()
    .min(1)
    .optional()
    .describe('Password of the operator; without one, everyone on this machine is the operator'),
  DASHBOARD_VIEWER_USER: z
    .string()
    .min(1)
    .default('viewer')
    .describe('Name of the viewer, who can read everything and change nothing'),
  DASHBOARD_VIEWER_PASSWORD: z
    .string()
    .min(1)
    .optional()
    .describe('Password of the viewer; without one there is no viewer'),
  DASHBOARD_PROXY_USER_HEADER: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'expected the name of an HTTP header, such as X-Forwarded-User')
    .optional()
    .describe(
      'Single sign-on: the header in which a trusted proxy passes the user’s name, such as `X-Forwarded-User`; the proxy must set it on every request',
    ),
  DASHBOARD_TRUSTED_PROXIES: proxies
    .default(['127.0.0.1', '::1'])
    .describe(
      'Addresses and networks of the proxies in front of the page (`10.0.0.0/8,fd00::/8`). Only they are believed about the client (`X-Forwarded-For`, `-Proto`, `-Host`, `Forwarded`) and the signed-in user',
    ),
  DASHBOARD_PROXY_OPERATORS: names
    .default([])
    .describe('Single sign-on: users who are operators, separated by commas; all others are viewers'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({
      protocol: /^https?$/,
      error: 'expected the base URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318',
    })
    .optional()
    .describe('Where the worker sends traces from sign-up to enrollment (OTLP/HTTP); unset: nowhere'),
  OTEL_SERVICE_NAME: z.string().min(1).default('auto-enroll').describe('The worker’s name in traces'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`'),
})

export type Settings = Readonly<z.output<typeof settingsSchema>>
export type SettingName = keyof Settings

const SECRET: ReadonlySet<string> = new Set([
  'DATABASE_URL',
  'QUEUE_URL',
  'REDIS_URL',
  'DASHBOARD_PASSWORD',
  'DASHBOARD_VIEWER_PASSWORD',
])

/** Variables that are read where the setting itself is not set. */
const OTHER_NAMES = [
  ['QUEUE_URL', 'REDIS_URL'],
  ['DASHBOARD_TRUSTED_PROXIES', 'DASHBOARD_PROXY_ADDRESSES'],
] as const

/** One or more settings are missing or wrong. The message lists all of them and holds no secret. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(
      `${problems.length === 1 ? 'A setting is' : `${problems.length} settings are`} wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    )
    this.problems = problems
  }
}

/**
 * Reads all settings from an environment. An empty variable counts as not set; `OTHER_NAMES` are read too.
 *
 * @param needed settings without a default that the caller cannot do without
 * @throws {SettingsError} with every problem at once
 */
export function readSettings<Needed extends SettingName = never>(
  env: Readonly<Record<string, string | undefined>>,
  needed: readonly Needed[] = [],
): Settings & { readonly [Name in Needed]-?: NonNullable<Settings[Name]> } {
  const given: Record<string, string | undefined> = {}
  for (const name of Object.keys(settingsSchema.shape)) given[name] = env[name]?.trim() || undefined
  const askedAs = new Map<string, string>()
  for (const [name, other] of OTHER_NAMES) {
    const value = env[other]?.trim()
    if (given[name] !== undefined || !value) continue
    given[name] = value
    askedAs.set(name, other)
  }

  // Field by field, so that relations are judged even while another setting is wrong.
  const fields = Object.entries(settingsSchema.shape).map(
    ([name, schema]) => [name, schema.safeParse(given[name])] as const,
  )
  const settings = Object.fromEntries(fields.map(([name, { data }]) => [name, data])) as Partial<Settings>
  const problems = [
    ...needed
      .filter((name) => given[name] === undefined)
      .map((name) => `${name} is not set; ${expectation(name)}`),
    ...[
      ...fields.flatMap(([name, { error }]) =>
        error?.issues[0] ? [[name, error.issues[0].message] as const] : [],
      ),
      ...brokenRelations(settings),
    ].map(([name, message]) => wording(askedAs.get(name) ?? name, message, given[name])),
  ]
  if (problems.length > 0) throw new SettingsError(problems)
  return Object.freeze(settings) as ReturnType<typeof readSettings<Needed>>
}

/** What is wrong between settings that are right by themselves. */
function brokenRelations(settings: Partial<Settings>): (readonly [SettingName, string])[] {
  const { QUEUE_URL, QUEUE_PREFIX, QUEUE_PARTITIONS, DASHBOARD_HOST, DASHBOARD_PASSWORD } = settings
  const hasViewer = settings.DASHBOARD_VIEWER_PASSWORD !== undefined
  const sameName = settings.DASHBOARD_VIEWER_USER === settings.DASHBOARD_USER
  const prefix = QUEUE_URL && QUEUE_PREFIX ? prefixProblem(QUEUE_URL, QUEUE_PREFIX) : undefined
  const partitions =
    QUEUE_URL && QUEUE_PARTITIONS ? partitionsProblem(QUEUE_URL, QUEUE_PARTITIONS) : undefined
  const isOpen = DASHBOARD_HOST !== undefined && !LOOPBACK.includes(DASHBOARD_HOST)
  return [
    ...(prefix === undefined ? [] : [['QUEUE_PREFIX', prefix] as const]),
    ...(partitions === undefined ? [] : [['QUEUE_PARTITIONS', partitions] as const]),
    ...(isOpen && DASHBOARD_PASSWORD === undefined ? [['DASHBOARD_HOST', PASSWORD_NEEDED] as const] : []),
    ...(hasViewer && DASHBOARD_PASSWORD === undefined
      ? [['DASHBOARD_VIEWER_PASSWORD', OPERATOR_NEEDED] as const]
      : []),
    ...(hasViewer && sameName ? [['DASHBOARD_VIEWER_USER', ANOTHER_NAME] as const] : []),
  ]
}

/** A value is repeated, unless it is a secret or a URL, which may hold one. */
function wording(name: string, message: string, value: string | undefined): string {
  return SECRET.has(name) || value === undefined || value.includes('://')
    ? `${name}: ${message}`
    : `${name}: ${message}, got ${JSON.stringify(value)}`
}

function expectation(name: string): string {
  if (name === 'DATABASE_URL') return `expected ${POSTGRES_URL_FORM}`
  if (name === 'QUEUE_URL') return `expected ${QUEUE_URL_FORMS}`
  return 'expected a value'
}
