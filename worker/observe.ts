import { collectDefaultMetrics, type Gauge, Registry } from 'prom-client'
import type { Logger } from '../config/log.js'
import type { RememberedPause } from '../db/pause.js'
import { OUTCOMES, type UserCreatedJob, type UserCreatedResult } from '../queue/user-created.js'
import { faultOf } from './errors.js'
import type { HeldUp } from './held.js'
import { createMetrics } from './metrics.js'
import type { Reconciled } from './reconcile.js'
import { throttle } from './throttle.js'

/** During an outage connections break again and again. One in so long is logged, with the number of those that were not. */
const TROUBLE_LOGGED_EVERY_MS = 10_000
const HELD_UP_LOGGED_EVERY_MS = 30_000

/** The chapter of the runbook that says what a log line means and what to do. */
function runbook(
  chapter:
    | 'another-database'
    | 'clocks'
    | 'database-unreachable'
    | 'paused'
    | 'queue-unreachable'
    | 'stuck'
    | 'users-are-missing'
    | 'users-are-waiting',
) {
  return { runbook: `docs/runbook.md#${chapter}` }
}

/** Words every log line of a worker, and counts every metric. */
export interface Observer {
  registry: Registry
  completed(job: UserCreatedJob, result: UserCreatedResult): void
  failed(job: UserCreatedJob | undefined, error: Error): void
  stalled(jobId: string): void
  queueError(error: Error): void
  databaseError(error: Error): void
  databaseAway(error: unknown): void
  databaseBack(seconds: number): void
  heldUp(held: HeldUp): void
  statement(users: number, seconds: number): void
  reconciled(round: Reconciled): void
  reconcileFailed(error: unknown): void
  workerStalled(reason: string): void
  /** How far this machine's clock is ahead of the queue's, in milliseconds; one that is wrong is not used. */
  clockCompared(compared: { aheadMs: number; isWrong: boolean }): void
  /** The queue began to serve another database, as the message says, or serves this one again. */
  queueChangedHands(message: string | undefined): void
  /** The queue had lost its data, and the pause with it. */
  pausedAgain(pause: RememberedPause): void
  /** What a worker sees to apart from its jobs could not be seen to, and is tried again soon. */
  watchFailed(error: Error): void
  /** Jobs that were put off by a wrong clock, and were brought back. */
  putOffCorrected(jobs: number): void
}

export function createObserver(log: Logger): Observer {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const metrics = createMetrics(registry, log)
  // A series that exists from the start can be alerted on before its first event.
  for (const outcome of [...OUTCOMES, 'failed']) metrics.jobs.inc({ outcome }, 0)
  for (const component of ['queue', 'database']) metrics.errors.inc({ component }, 0)
  for (const result of ['done', 'failed']) metrics.rounds.inc({ result }, 0)
  // Not known before the first round.
  metrics.recurringUsers.remove()

  const queueOutage = createOutage(log)
  let clockIsWrong = false
  const trouble = throttle(TROUBLE_LOGGED_EVERY_MS, (skipped, error: Error, message: string) =>
    log.warn({ err: error, ...(skipped > 0 ? { skipped } : {}) }, message),
  )

  return {
    registry,
    completed(job, { outcome, enrolled }) {
      queueOutage.works()
      metrics.jobs.inc({ outcome })
      metrics.enrollments.inc(enrolled)
      const waited = Date.now() - Date.parse(job.data.occurredAt)
      if (outcome === 'enrolled') metrics.eventToEnrolled.observe(Math.max(0, waited) / 1000)
      const facts = { userId: job.data.userId, source: job.data.source, outcome, courses: enrolled }
      switch (outcome) {
        case 'enrolled':
          return log.info(facts, 'enrolled')
        case 'already-enrolled':
          return log.info(facts, 'already enrolled in every published course')
        case 'no-published-courses':
          return log.info(facts, 'no course is published')
        case 'user-not-found':
          return log.warn(facts, 'no such user after the last attempt: deleted, or never committed')
      }
    },
    failed(job, error) {
      const facts = { jobId: job?.id, userId: userIdOf(job), attempt: job?.attemptsMade, err: error }
      if (job?.finishedOn === undefined && job !== undefined) {
        metrics.retries.inc()
        return log.warn(facts, 'failed, will be retried')
      }
      metrics.jobs.inc({ outcome: 'failed' })
      log.error({ ...facts, ...runbook('users-are-missing') }, 'failed for good; kept among the failed jobs')
    },
    stalled(jobId) {
      log.warn({ jobId }, 'a worker stopped in the middle of this job; it runs again')
    },
    queueError(error) {
      metrics.errors.inc({ component: 'queue' })
      queueOutage.failed(error)
    },
    databaseError(error) {
      metrics.errors.inc({ component: 'database' })
      trouble('database', error, 'an idle database connection broke; the pool opens another')
    },
    databaseAway(error) {
      metrics.errors.inc({ component: 'database' })
      log.error(
        { err: error, ...runbook('database-unreachable') },
        'the database cannot enroll anyone at present; the active jobs wait for it',
      )
    },
    databaseBack(seconds) {
      log.info({ seconds: Math.round(seconds) }, 'the database works again')
    },
    heldUp: createHeldUpLog(log, metrics.heldUsers),
    statement(users, seconds) {
      metrics.batchUsers.observe(users)
      metrics.statementSeconds.observe(seconds)
    },
    reconciled(round) {
      metrics.rounds.inc({ result: round.status })
      // Another worker's rounds are not known here, and neither is what became of the users of this one's last round.
      metrics.recurringUsers.remove()
      if (round.status !== 'locked') queueOutage.works()
      if (round.status !== 'done') return log.debug(round, 'reconciling was not needed')
      metrics.reconciledUsers.inc(round.users)
      metrics.recurringUsers.set(round.recurring)
      if (round.recurring > 0) {
        log.warn(
          { users: round.recurring, ...runbook('users-are-missing') },
          'users are queued round after round and still have no enrollment; see why their jobs fail',
        )
      }
      if (round.users === 0) return log.debug(round, 'everyone is enrolled')
      log.info(round, 'users without any enrollment were queued')
    },
    workerStalled(reason) {
      log.error({ reason, ...runbook('stuck') }, 'this worker does not consume; /healthz asks for a restart')
    },
    clockCompared({ aheadMs, isWrong }) {
      metrics.clockAhead.set(aheadMs / 1000)
      if (isWrong && !clockIsWrong) {
        log.warn(
          { aheadSeconds: Math.round(aheadMs / 1000), ...runbook('clocks') },
          'the clock of this machine is wrong, so the worker goes by the clock of the queue’s server',
        )
      }
      clockIsWrong = isWrong
    },
    queueChangedHands(message) {
      if (message === undefined) return log.info('the queue serves this database again; going on')
      log.error({ ...runbook('another-database') }, `this worker takes no more jobs: ${message}`)
    },
    pausedAgain({ who, since }) {
      log.warn(
        { who, since, ...runbook('paused') },
        'the queue had forgotten that it is paused, and was paused again; npm run resume lets the workers go on',
      )
    },
    watchFailed: (error) =>
      trouble('watch', error, 'the pause, the owner or the clock of the queue could not be read'),
    putOffCorrected(jobs) {
      if (jobs > 0)
        log.warn({ jobs, ...runbook('clocks') }, 'jobs that were put off by a wrong clock were brought back')
    },
    reconcileFailed(error) {
      metrics.rounds.inc({ result: 'failed' })
      metrics.recurringUsers.remove()
      log.warn(
        { err: error, ...runbook('database-unreachable') },
        'reconciling failed; the next round tries again',
      )
    },
  }
}

/** A queue that is away fails many times a second. Only the first error is logged, and that it is over. */
function createOutage(log: Logger) {
  let lasts = false
  return {
    failed(error: Error): void {
      if (lasts) log.debug({ err: error }, 'the queue is still in trouble')
      else
        log.warn(
          { err: error, ...runbook('queue-unreachable') },
          'the queue is in trouble; the next line says when it works again',
        )
      lasts = true
    },
    works(): void {
      if (lasts) log.info('the queue works again')
      lasts = false
    },
  }
}

/** Users who are held up are logged when it begins, now and then while it lasts, and when it is over. */
function createHeldUpLog(log: Logger, gauge: Gauge) {
  const stillHeld = throttle(HELD_UP_LOGGED_EVERY_MS, (_, held: HeldUp) => {
    const locked = faultOf(held.error) === 'locked'
    log.warn(
      { users: held.users, err: held.error, ...runbook('users-are-waiting') },
      locked
        ? 'locks of other sessions hold users up; all others are enrolled'
        : 'the database cannot enroll these users at present; all others are enrolled',
    )
  })
  let lasts = false
  return (held: HeldUp): void => {
    gauge.set(held.users)
    if (held.users > 0) stillHeld('held up', held)
    else if (lasts) log.info('no user is held up any more')
    lasts = held.users > 0
  }
}

/** The id as the contract allows it; anything longer or else was never one. */
function userIdOf(job: UserCreatedJob | undefined): string | undefined {
  const userId: unknown = job?.data?.userId
  return typeof userId === 'string' && userId.length <= 255 ? userId : undefined
}
