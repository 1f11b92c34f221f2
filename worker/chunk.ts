import pLimit from 'p-limit'
import { safeError } from '../config/safe-error.js'
import type { UserCreatedResult } from '../queue/user-created.js'
import { faultOf, InterruptedError, permanent, transient } from './errors.js'
import type { HeldUsers } from './held.js'
import { narrow } from './narrow.js'
import type { Statements } from './statements.js'
import { createTally, resultOf, type Share, type Tally } from './tally.js'

/** Connections for narrowing batches that failed, and for how long it goes on. */
const NARROWING_AT_ONCE = 3
const NARROWING_LIMIT_MS = 2000
/** Users for whom this is not enough are held, and tried with more patience. */
const IMPATIENT = { lockTimeoutMs: 10, statementTimeoutMs: 700 }

export interface Asked {
  userId: string
  onHeld: ((reason: string) => void) | undefined
}

/** In an object, or DataLoader would wait for the slowest user of a batch. */
export interface Pending {
  result: Promise<UserCreatedResult>
}

export interface ChunkOptions {
  statements: Statements
  held: HeldUsers
  /** Whether outages are watched for; otherwise any error of the database may be one, and the job is retried. */
  watchesOutages: boolean
}

/** Enrolls users who fit into one statement, and decides what becomes of each of them if it fails. */
export function createChunks({ statements, held, watchesOutages }: ChunkOptions) {
  const narrowing = pLimit(NARROWING_AT_ONCE)

  return {
    enroll,
    /** Takes a user who is known to be held up, and why, straight to the others who are. */
    holdAgain: (user: Asked, error: unknown): Pending => pending(hold(user, 'all', noShare(), error)),
  }

  /** One statement for all of them; if it fails, the results come later. */
  async function enroll(users: readonly Asked[]): Promise<Pending[]> {
    const userIds = users.map(({ userId }) => userId)
    const except = held.courses()
    const tally = createTally()
    try {
      tally.passed(userIds, await statements.enroll(userIds, [...except.keys()]))
      for (const [course, error] of except) tally.failed({ users: userIds, courses: [course] }, error, true)
      return users.map((user) => pending(settle(user, tally.of(user.userId))))
    } catch (error) {
      const narrowed = narrowChunk(userIds, error, tally)
      return users.map((user) =>
        pending(
          narrowed.then(
            (courses) => settle(user, tally.of(user.userId), courses),
            (failure: unknown) => Promise.reject(transient(failure)),
          ),
        ),
      )
    }
  }

  /** Enrolls everyone who can be; returns the courses that were tried. */
  async function narrowChunk(
    users: readonly string[],
    error: unknown,
    tally: Tally,
  ): Promise<readonly string[]> {
    if (error instanceof InterruptedError) throw error
    const except = held.courses()
    const courses = await statements.publishedCourses()
    for (const [course, reason] of except) tally.failed({ users, courses: [course] }, reason, true)
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

  /** Decides what becomes of a user who was tried in `courses`, or in all that are published. */
  async function settle(user: Asked, share: Share, courses?: readonly string[]): Promise<UserCreatedResult> {
    // There is no point in waiting for a course on behalf of a user who does not exist.
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

  /** Whether the fault may pass while the job waits. */
  function isWorthHolding(error: unknown): boolean {
    const fault = faultOf(error)
    return fault === 'locked' || fault === 'slow' || (fault === 'other' && watchesOutages)
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
}

function noShare(): Share {
  return { found: false, enrolled: 0, anyPublished: false, faults: [] }
}

export function pending(result: Promise<UserCreatedResult>): Pending {
  // It may reject before anyone listens.
  result.catch(() => undefined)
  return { result }
}
