import DataLoader from 'dataloader'
import pLimit from 'p-limit'
import { safeError } from '../config/safe-error.js'
import type { UserCreatedResult } from '../queue/user-created.js'
import { faultOf, InterruptedError, permanent, transient } from './errors.js'
import { createHeld, type HeldOptions } from './held.js'
import { narrow } from './narrow.js'
import { createStatements, type StatementsOptions } from './statements.js'
import { createTally, resultOf, type Share, type Tally } from './tally.js'

/** Users in one statement. */
const MAX_USERS = 500
/** Statements of a lane that run at the same time: Postgres works on one while the jobs of the other finish. */
const AT_ONCE = 2

/** Connections on which batches are narrowed that failed. */
const NARROWING_AT_ONCE = 3
const NARROWING_LIMIT_MS = 2000
/** Those who lose patience are tried apart. */
const IMPATIENT = { lockTimeoutMs: 20, statementTimeoutMs: 700 }

export interface EnrollerOptions extends StatementsOptions {
  /** Ends every wait. */
  signal?: AbortSignal
  /** Called while users are held up by others' locks, or by a fault of their own that may pass. */
  onHeldUp?: HeldOptions['onRound']
}

/** Live users never wait for a statement of the backlog's. */
type Lane = 'live' | 'backlog'

/**
 * Enrolls one user; calls at the same moment in the same lane (by default `live`) share one statement. `onHeld` is called
 * when that has to wait for somebody's lock, or for a fault that concerns few and may pass.
 *
 * @throws {PermanentError | TransientError} of which InterruptedError and PutOffError ask for the job to be moved
 */
export type Enroll = (
  userId: string,
  lane?: Lane,
  onHeld?: (reason: string) => void,
) => Promise<UserCreatedResult>

interface Asked {
  userId: string
  onHeld: ((reason: string) => void) | undefined
}

/** In an object, or DataLoader would wait for the slowest user of a batch. */
interface Answer {
  result: Promise<UserCreatedResult>
}

/**
 * Makes the function that enrolls. It adds no wait of its own: the first call runs at the end of the present turn of the
 * event loop, and what is called while two statements run forms the next one. When a statement fails, the next ones go on
 * while its users and courses are tried in smaller parts, so that only those at fault wait or fail.
 */
export function createEnroller({ signal, onHeldUp, ...options }: EnrollerOptions): Enroll {
  const statements = createStatements(options)
  const held = createHeld({
    statements,
    ...(signal === undefined ? {} : { signal }),
    ...(onHeldUp === undefined ? {} : { onRound: onHeldUp }),
  })
  const narrowing = pLimit(NARROWING_AT_ONCE)

  async function enrollBatch(asked: readonly Asked[]): Promise<Answer[]> {
    try {
      if (asked.length > 1) await statements.countCourses()
    } catch (error) {
      return asked.map(() => later(Promise.reject(transient(error))))
    }
    const first = new Map<string, Answer>()
    const toEnroll = new Map<string, Asked>()
    for (const user of asked) {
      const reason = held.reason(user.userId)
      if (reason !== undefined) first.set(user.userId, later(hold(user, 'all', emptyShare(), reason)))
      else toEnroll.set(user.userId, user)
    }
    const users = [...toEnroll.values()]
    for (let start = 0, end = 0; start < users.length; start = end) {
      end = start + statements.usersAtOnce()
      const chunk = users.slice(start, end)
      for (const [index, answer] of (await enrollChunk(chunk)).entries()) {
        first.set(chunk[index]?.userId ?? '', answer)
      }
    }
    const answered = new Set<string>()
    return asked.map(({ userId }) => {
      const answer = first.get(userId) as Answer
      const isAgain = answered.has(userId)
      answered.add(userId)
      return isAgain ? later(answer.result.then(onceMore)) : answer
    })
  }

  /** One statement for all; if it fails, the answers come later. */
  async function enrollChunk(users: readonly Asked[]): Promise<Answer[]> {
    const userIds = users.map(({ userId }) => userId)
    const except = held.courses()
    const tally = createTally()
    try {
      tally.passed(userIds, await statements.enroll(userIds, [...except.keys()]))
      for (const [course, error] of except) tally.failed({ users: userIds, courses: [course] }, error)
      return users.map((user) => later(answer(user, tally.of(user.userId))))
    } catch (error) {
      const narrowed = narrowChunk(userIds, error, tally)
      return users.map((user) =>
        later(
          narrowed.then(
            (courses) => answer(user, tally.of(user.userId), courses),
            (failure: unknown) => Promise.reject(transient(failure)),
          ),
        ),
      )
    }
  }

  /** Enrolls all that can be; returns the courses that were tried. */
  async function narrowChunk(
    users: readonly string[],
    error: unknown,
    tally: Tally,
  ): Promise<readonly string[]> {
    if (error instanceof InterruptedError) throw error
    const except = held.courses()
    const courses = await statements.publishedCourses()
    for (const [course, reason] of except) tally.failed({ users, courses: [course] }, reason)
    const lateAt = performance.now() + NARROWING_LIMIT_MS
    const block = { users, courses: courses.filter((course) => !except.has(course)) }
    await narrow(block, error, {
      attempt: (part) =>
        narrowing(async () => tally.passed(part.users, await statements.enrollIn(part, IMPATIENT))),
      tally,
      isLate: () => performance.now() > lateAt,
      onSuspect: held.suspect,
      usersAtOnce: (count) => statements.usersAtOnce(count, IMPATIENT.statementTimeoutMs / 2000),
    })
    return courses
  }

  /** What becomes of a user who was tried in those courses, or in every one but those with a fault. */
  async function answer(user: Asked, share: Share, courses?: readonly string[]): Promise<UserCreatedResult> {
    // Not in this statement, but perhaps in the next: nobody waits for a lock on behalf of a user who is not there.
    if (!share.found && courses === undefined) return resultOf(share)
    const refusal = share.faults.find(({ error }) => faultOf(error) === 'refused')?.error
    const mayPass = share.faults.filter(({ error }) => faultOf(error) !== 'refused')
    const waiting = mayPass.filter(({ error }) => isWorthHolding(error))
    if (waiting.length > 0) {
      const inCourses = new Set(waiting.flatMap((fault) => fault.courses))
      return hold(
        user,
        inCourses.size === courses?.length ? 'all' : inCourses,
        share,
        waiting[0]?.error,
        refusal,
      )
    }
    if (refusal !== undefined) throw permanent(refusal)
    if (mayPass.length > 0) throw transient(mayPass[0]?.error)
    return resultOf(share)
  }

  /** Without a watch for outages a fault may be one, which lasts. */
  function isWorthHolding(error: unknown): boolean {
    const fault = faultOf(error)
    return fault === 'locked' || fault === 'slow' || (fault === 'other' && options.outage !== undefined)
  }

  function hold(
    { userId, onHeld }: Asked,
    courses: Set<string> | 'all',
    share: Share,
    error: unknown,
    refusal?: unknown,
  ): Promise<UserCreatedResult> {
    onHeld?.(safeError(error).message)
    const isGuess = share.faults.some((fault) => fault.isGuess)
    return held.hold({ userId, courses, share, error, refusal, isGuess })
  }

  function lane(): DataLoader<Asked, Answer> {
    const turns = pLimit(AT_ONCE)
    let batch: Promise<unknown> = Promise.resolve()
    const load = (asked: readonly Asked[]) => {
      const answers = enrollBatch(asked)
      batch = answers
      return answers
    }
    return new DataLoader(load, {
      cache: false,
      maxBatchSize: MAX_USERS,
      batchScheduleFn(dispatch) {
        void turns(async () => {
          await new Promise((resolve) => setImmediate(resolve))
          dispatch()
          await batch
        })
      },
    })
  }

  const lanes = { live: lane(), backlog: lane() }
  return async (userId, name = 'live', onHeld) => (await lanes[name].load({ userId, onHeld })).result
}

function emptyShare(): Share {
  return { found: false, enrolled: 0, anyPublished: false, faults: [] }
}

function later(result: Promise<UserCreatedResult>): Answer {
  // It may fail before anyone listens.
  result.catch(() => undefined)
  return { result }
}

/** The answer to the second of two calls for one user. */
function onceMore(result: UserCreatedResult): UserCreatedResult {
  return result.outcome === 'enrolled' ? { outcome: 'already-enrolled', enrolled: 0 } : result
}
