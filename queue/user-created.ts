import type { Job, JobsOptions } from 'bullmq'
import { z } from 'zod'

/** The contract of the queue: one kind of job, shared by producers and consumers. */
export const QUEUE_NAME = 'user-created'
export const JOB_NAME = 'user.created'

export const SOURCES = [
  'credentials',
  'google',
  'oauth',
  'webhook',
  'admin',
  'backfill',
  'reconcile',
] as const
/** Where an event came from. */
export type Source = (typeof SOURCES)[number]

const MAX_USER_ID_LENGTH = 255

const userId = z
  .string('expected a string')
  .min(1, 'expected at least one character')
  .max(MAX_USER_ID_LENGTH, `expected at most ${MAX_USER_ID_LENGTH} characters`)
  // Postgres can store neither, so no user can have them in their id, and a queue on Postgres could not keep the event.
  .regex(/^[^\0\p{Surrogate}]*$/u, 'expected neither NUL nor a lone surrogate')

const userCreated = z.object({
  v: z.literal(1, 'expected version 1'),
  userId,
  source: z.enum(SOURCES, `expected one of ${SOURCES.join(', ')}`),
  occurredAt: z.iso.datetime({ offset: true, error: 'expected an ISO 8601 date and time with its offset' }),
})

/** The data of a job: who signed up, where the event came from, and when. Nothing else, and nothing personal. */
export type UserCreated = z.output<typeof userCreated>

/** How a job ended that did not fail. */
export const OUTCOMES = ['enrolled', 'already-enrolled', 'no-published-courses', 'user-not-found'] as const
type Outcome = (typeof OUTCOMES)[number]

/** A job's return value; `enrolled` counts the new enrollments. */
export interface UserCreatedResult {
  outcome: Outcome
  enrolled: number
}

export type UserCreatedJob = Job<UserCreated, UserCreatedResult>

export type ParsedEvent = { ok: true; event: UserCreated } | { ok: false; reason: string }

/**
 * Parses the data of an event. Unknown fields are dropped. The reason names every wrong field and repeats no value.
 */
export function parseUserCreated(data: unknown): ParsedEvent {
  const parsed = userCreated.safeParse(data)
  if (parsed.success) return { ok: true, event: parsed.data }
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'event'}: ${message}`)
  return { ok: false, reason: problems.join('; ') }
}

/** Sources whose jobs wait for others. Events of sign-ups have no priority and so run first. */
const BACKLOG_PRIORITY: Partial<Record<Source, number>> = { backfill: 10, reconcile: 10 }

/** Whether events from this source wait for others. */
export function isBacklog(source: Source): boolean {
  return BACKLOG_PRIORITY[source] !== undefined
}

/** How many completed jobs are kept, and for how many seconds. */
export const COMPLETED_KEPT = { count: 1000, age: 60 * 60 }

const ATTEMPTS = 8
const FIRST_BACKOFF_MS = 1000

/** The longest wait before an attempt. */
export const LONGEST_BACKOFF_MS = FIRST_BACKOFF_MS * 2 ** (ATTEMPTS - 2)

const COMMON_OPTIONS = {
  attempts: ATTEMPTS,
  backoff: { type: 'exponential', delay: FIRST_BACKOFF_MS, jitter: 0.5 },
  removeOnComplete: COMPLETED_KEPT,
  removeOnFail: { count: 10_000, age: 14 * 24 * 60 * 60 },
} satisfies JobsOptions

/**
 * How a job is queued: 8 attempts with exponential back-off from 1 s and jitter; the last 1,000 completed jobs are kept for an hour
 * and 10,000 failed ones for 14 days; one unfinished job per user. The user id is not the `jobId`: BullMQ silently skips a job whose
 * id belongs to any kept job, including failed ones.
 */
export function jobOptions({ userId, source }: UserCreated): JobsOptions {
  const priority = BACKLOG_PRIORITY[source]
  return {
    ...COMMON_OPTIONS,
    deduplication: { id: userId },
    ...(priority === undefined ? {} : { priority }),
  }
}
