import { z } from 'zod'
import { prefixProblem, QUEUE_URL_FORMS, queueUrlProblem } from './queue-url.js'

const LOOPBACK = ['127.0.0.1', '::1', 'localhost']

const milliseconds = (min: number) =>
  z.coerce
    .number(`expected a whole number of milliseconds, ${min} or more`)
    .int(`expected a whole number of milliseconds, ${min} or more`)
    .min(min, `expected a whole number of milliseconds, ${min} or more`)

const port = z.coerce
  .number('expected a port number from 0 (any free one) to 65535')
  .int('expected a port number from 0 (any free one) to 65535')
  .min(0, 'expected a port number from 0 (any free one) to 65535')
  .max(65535, 'expected a port number from 0 (any free one) to 65535')

const host = z.string().min(1)

const databaseUrl = z.string().superRefine((text, context) => {
  if (!/^postgres(ql)?:\/\//i.test(text) || !URL.canParse(text)) {
    context.addIssue('expected postgres://user:password@host:5432/database')
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
export const settingsSchema = z
  .object({
    DATABASE_URL: databaseUrl
      .optional()
      .describe('The application’s Postgres. `?schema=name` is honoured as Prisma does it'),
    QUEUE_URL: queueUrl
      .optional()
      .describe(
        'The queue (or `REDIS_URL`): `redis://`, `rediss://`, `redis+cluster://h1:p,h2:p`, `redis+sentinel://h1:p,h2:p/name`, `postgres://`',
      ),
    QUEUE_PREFIX: z
      .string()
      .regex(/^\S{1,100}$/, 'expected 1 to 100 characters without spaces')
      .default('{auto-enroll}')
      .describe(
        'Namespace of the queue: the key prefix on Redis; on Postgres any other than the default has a schema of its own',
      ),
    AUTO_ENROLL_ENABLED: z
      .stringbool({ error: 'expected true or false' })
      .default(true)
      .describe(
        '`false`: the publisher skips, the worker idles, nothing is removed; the reconciler catches up later',
      ),
    PUBLISH_TIMEOUT_MS: milliseconds(10)
      .max(60_000, 'expected at most 60000: sign-up waits for it')
      .default(250)
      .describe('The longest that publishing may keep a sign-up waiting'),
    WORKER_CONCURRENCY: z.coerce
      .number('expected a whole number from 1 to 10000')
      .int('expected a whole number from 1 to 10000')
      .min(1, 'expected a whole number from 1 to 10000')
      .max(10_000, 'expected a whole number from 1 to 10000')
      .default(300)
      .describe('Jobs that a worker process has active at the same time'),
    RECONCILE_INTERVAL_MS: milliseconds(0)
      .default(60_000)
      .describe('How often the fleet looks for users without any enrollment; `0` turns it off'),
    SHUTDOWN_TIMEOUT_MS: milliseconds(0)
      .default(10_000)
      .describe('How long a stopping worker may finish its active jobs'),
    ENROLLMENT_STATUS: z
      .string()
      .min(1, 'expected the status of a new enrollment, such as active')
      .default('active')
      .describe('Status of a new enrollment, spelled as the column’s enum spells it'),
    WORKER_HTTP_PORT: port
      .default(9464)
      .describe('Worker’s `/healthz`, `/readyz`, `/metrics`; `0` takes a free port'),
    WORKER_HTTP_HOST: host.default('127.0.0.1').describe('Address that the worker’s HTTP server binds to'),
    DASHBOARD_PORT: port.default(9465).describe('The operators’ page; `0` takes a free port'),
    DASHBOARD_HOST: host
      .default('127.0.0.1')
      .describe('Address that the dashboard binds to; without a password loopback only'),
    DASHBOARD_USER: z.string().min(1).default('admin').describe('Who may open the dashboard'),
    DASHBOARD_PASSWORD: z.string().min(1).optional().describe('Password of the dashboard'),
    OTEL_EXPORTER_OTLP_ENDPOINT: z
      .url({
        protocol: /^https?$/,
        error: 'expected the base URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318',
      })
      .optional()
      .describe('Where the worker sends traces from sign-up to enrollment (OTLP/HTTP); not set: nowhere'),
    OTEL_SERVICE_NAME: z.string().min(1).default('auto-enroll').describe('The worker’s name in traces'),
    LOG_LEVEL: z
      .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
      .default('info')
      .describe('`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`'),
  })
  .superRefine((settings, context) => {
    const { QUEUE_URL, QUEUE_PREFIX } = settings
    const prefixed = QUEUE_URL === undefined ? undefined : prefixProblem(QUEUE_URL, QUEUE_PREFIX)
    if (prefixed !== undefined)
      context.addIssue({ code: 'custom', path: ['QUEUE_PREFIX'], message: prefixed })
    if (settings.DASHBOARD_PASSWORD === undefined && !LOOPBACK.includes(settings.DASHBOARD_HOST)) {
      context.addIssue({
        code: 'custom',
        path: ['DASHBOARD_HOST'],
        message:
          'expected 127.0.0.1, ::1 or localhost while DASHBOARD_PASSWORD is not set; set a password to open it',
      })
    }
  })

export type Settings = Readonly<z.output<typeof settingsSchema>>
export type SettingName = keyof Settings

const SECRET: ReadonlySet<string> = new Set(['DATABASE_URL', 'QUEUE_URL', 'DASHBOARD_PASSWORD'])

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
 * Reads all settings from an environment. An empty variable counts as not set; `REDIS_URL` stands in for `QUEUE_URL`.
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
  given.QUEUE_URL ??= env.REDIS_URL?.trim() || undefined

  const parsed = settingsSchema.safeParse(given)
  const problems = [
    ...needed
      .filter((name) => given[name] === undefined)
      .map((name) => `${name} is not set; ${expectation(name)}`),
    ...(parsed.error?.issues.map((issue) => wording(String(issue.path[0]), issue.message, given)) ?? []),
  ]
  if (problems.length > 0 || !parsed.success) throw new SettingsError(problems)
  return Object.freeze(parsed.data) as ReturnType<typeof readSettings<Needed>>
}

function wording(name: string, message: string, given: Record<string, string | undefined>): string {
  const value = given[name]
  return SECRET.has(name) || value === undefined
    ? `${name}: ${message}`
    : `${name}: ${message}, got ${JSON.stringify(value)}`
}

function expectation(name: string): string {
  if (name === 'DATABASE_URL') return 'expected postgres://user:password@host:5432/database'
  if (name === 'QUEUE_URL') return `expected ${QUEUE_URL_FORMS}`
  return 'expected a value'
}
