import type { Telemetry } from 'bullmq'
import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel'
import type { Registry } from 'prom-client'
import { z } from 'zod'
import { within } from '../config/deadline.js'
import { partitionsProblem, prefixProblem, queueUrlProblem } from '../config/queue-url.js'
import { safeError } from '../config/safe-error.js'
import { settingsSchema } from '../config/settings-schema.js'
import { type EventQueue, openQueue } from '../queue/open.js'
import { type ParsedEvent, parseUserCreated, type Source, type UserCreated } from '../queue/user-created.js'
import { createPublishMetrics } from './metrics.js'
import type { PublishResult } from './publish-result.js'

export type { PublishResult }

export interface PublisherOptions {
  /** URL of the queue: `redis://`, `rediss://`, `redis+cluster://`, `redis+sentinel://` or `postgres://`. */
  queueUrl: string
  /** Maximum duration of `publish`, in milliseconds. Default 250. */
  timeoutMs?: number
  /** Namespace of the queue, the same as the worker's `QUEUE_PREFIX`. Default `{auto-enroll}`. */
  prefix?: string
  /** The same as the worker's `QUEUE_PARTITIONS`. Default 1. */
  partitions?: number
  /** `false` makes every `publish` return `disabled`. Default `true`. */
  enabled?: boolean
  /** Called once when publishing starts to fail and once when it works again; a pino logger fits. */
  logger?: PublisherLogger
  /** Counts and times `publish` by status and source (`auto_enroll_publish_total`, `…_seconds`). */
  registry?: Registry
  /** Adds jobs to the trace of the sign-up: BullMQ's telemetry, such as `new BullMQOtel('auto-enroll')`. */
  telemetry?: Telemetry
}

export interface PublisherLogger {
  warn(details: object, message: string): void
  info(details: object, message: string): void
}

export interface PublishEvent {
  userId: string
  source: Source
}

export interface Publisher {
  /** Queues `user.created`. Never rejects and never takes longer than `timeoutMs`. */
  publish(event: PublishEvent): Promise<PublishResult>
  /** Waits at most `timeoutMs` for events that are being published, then disconnects. Never rejects. */
  close(): Promise<void>
}

/** After this many failures in a row, `publish` returns `deferred` at once … */
const FAILURES_TO_OPEN = 5
/** … for this long; then one call tries again. */
const OPEN_FOR_MS = 5000

const timeoutExpectation = 'expected a whole number of milliseconds from 10 to 60000'

const optionsSchema = z
  .object({
    queueUrl: z.string('expected the URL of the queue').superRefine((url, context) => {
      const problem = queueUrlProblem(url)
      if (problem !== undefined) context.addIssue(problem)
    }),
    timeoutMs: z
      .int(timeoutExpectation)
      .min(10, timeoutExpectation)
      .max(60_000, timeoutExpectation)
      .default(settingsSchema.shape.PUBLISH_TIMEOUT_MS.parse(undefined)),
    prefix: settingsSchema.shape.QUEUE_PREFIX,
    partitions: settingsSchema.shape.QUEUE_PARTITIONS,
    enabled: z.boolean('expected true or false').default(true),
  })
  .superRefine(({ queueUrl, prefix, partitions }, context) => {
    const problem = prefixProblem(queueUrl, prefix)
    if (problem !== undefined) context.addIssue({ code: 'custom', path: ['prefix'], message: problem })
    const split = partitionsProblem(queueUrl, partitions)
    if (split !== undefined) context.addIssue({ code: 'custom', path: ['partitions'], message: split })
  })

/**
 * Creates the publisher that auth code calls after a user is committed. It connects with the first event. A queue that is
 * down, frozen or slow delays a sign-up by at most `timeoutMs`, and after repeated failures not at all for a while.
 *
 * @throws {TypeError} if options are wrong; the message names all of them
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const { queueUrl, timeoutMs, prefix, partitions, enabled } = parseOptions(options)
  const { logger, telemetry } = options
  const measure = options.registry === undefined ? undefined : createPublishMetrics(options.registry)
  // Timers may fire late, so aim a little below the limit.
  const deadlineMs = timeoutMs - Math.min(10, Math.ceil(timeoutMs / 10))
  const breaker = circuitBreaker(handleAll, {
    halfOpenAfter: OPEN_FOR_MS,
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
  })
  breaker.onBreak(() =>
    logger?.warn({}, 'publishing keeps failing: for a while, new users are left to the reconciler'),
  )
  breaker.onReset(() => logger?.info({}, 'publishing works again'))

  let queue: EventQueue | undefined
  let closed = false
  const underway = new Set<Promise<unknown>>()

  async function add(event: UserCreated): Promise<PublishResult> {
    const place = { url: queueUrl, prefix, partitions, timeoutMs: deadlineMs }
    queue ??= openQueue({ ...place, onError: () => undefined, telemetry, addsOnly: true })
    return { status: await queue.add(event) }
  }

  async function attempt(event: UserCreated, startedAt: number): Promise<PublishResult> {
    if (!enabled) return { status: 'disabled' }
    if (closed) return { status: 'deferred', reason: 'the publisher is closed' }
    // Includes the time of the call itself, because the first event opens the queue.
    const inTime = <T>(work: Promise<T>) =>
      within(Math.max(1, startedAt + deadlineMs - performance.now()), work)
    // While the circuit is half open, a call first waits for the one that tries.
    const waits = breaker.state === CircuitState.HalfOpen
    const adding = breaker.execute(() => inTime(add(event)))
    const publishing = waits ? inTime(adding) : adding
    underway.add(publishing)
    try {
      return await publishing
    } catch (error) {
      return { status: 'deferred', reason: reasonFor(error) }
    } finally {
      underway.delete(publishing)
    }
  }

  return {
    async publish(event) {
      const startedAt = performance.now()
      const parsed = readEvent(event)
      const result: PublishResult = parsed.ok
        ? await attempt(parsed.event, startedAt)
        : { status: 'rejected', reason: parsed.reason }
      measure?.(parsed.ok ? parsed.event.source : 'invalid', result.status, performance.now() - startedAt)
      return result
    },
    async close() {
      closed = true
      await Promise.allSettled(underway)
      await queue?.close().catch(() => undefined)
    },
  }
}

/** Never throws, not even if a getter of the object does. */
function readEvent(event: PublishEvent): ParsedEvent {
  try {
    return parseUserCreated({ ...event, v: 1, occurredAt: new Date().toISOString() })
  } catch {
    return { ok: false, reason: 'event: cannot be read' }
  }
}

function parseOptions(options: PublisherOptions): z.output<typeof optionsSchema> {
  const parsed = optionsSchema.safeParse(options)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'options'}: ${message}`,
  )
  throw new TypeError(`createPublisher: ${problems.join('; ')}`)
}

function reasonFor(error: unknown): string {
  if (error instanceof BrokenCircuitError) return 'the queue keeps failing and is not used for a while'
  return safeError(error).message
}
