import { z } from 'zod'
import {
  databaseUrl,
  host,
  milliseconds,
  names,
  port,
  proxies,
  queueUrl,
  wholeNumber,
} from './setting-kinds.js'

/** Every setting: its type, limits and default, the message for a wrong value, and its line in the README's table. */
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
  QUEUE_PARTITIONS: wholeNumber(1, 64)
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
  WORKER_CONCURRENCY: wholeNumber(1, 10_000)
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
