import DataLoader from 'dataloader'
import { columnsOf } from '../db/columns.js'
import { countPublishedCourses } from '../db/courses.js'
import { type Enrolled, enrollUsers } from '../db/enrollments.js'
import type { Database } from '../db/schema.js'
import type { UserCreatedResult } from '../queue/user-created.js'
import { InterruptedError, isCausedByRow, permanent, transient } from './errors.js'
import type { Outlaster } from './outage.js'

/** Users in one statement. */
const MAX_USERS = 500
/** Statements of a lane that run at the same time: one is worked on by Postgres while the jobs of the other finish. */
const AT_ONCE = 2
/** Rows that one statement may insert: users × published courses. */
const MAX_ROWS = 20_000

export interface EnrollerOptions {
  db: Database
  /** Status of a new enrollment. */
  status: string
  /** Told of each statement: how many users it named and how long it took. */
  onStatement?: (users: number, seconds: number) => void
  /** Waits where the database is away; without it such users are refused with a TransientError. */
  outlaster?: Outlaster
}

/** Live users never wait for a statement of the backlog's. */
type Lane = 'live' | 'backlog'

/**
 * Enrolls one user; calls at the same moment in the same lane (by default `live`) share one statement. Rejects with a
 * Transient- or PermanentError.
 */
export type Enroll = (userId: string, lane?: Lane) => Promise<UserCreatedResult>

/**
 * Makes the function that enrolls. It adds no wait of its own: the first call runs at the end of the present turn of the
 * event loop, and what is called while two statements run forms the next one.
 */
export function createEnroller({ db, status, onStatement, outlaster }: EnrollerOptions): Enroll {
  const outlast: Outlaster['outlast'] = outlaster?.outlast ?? ((work) => work())

  async function enrollBatch(userIds: readonly string[]): Promise<(UserCreatedResult | Error)[]> {
    try {
      const size = await usersInOneStatement(userIds.length)
      const results: (UserCreatedResult | Error)[] = []
      while (results.length < userIds.length) {
        results.push(...(await settle(userIds.slice(results.length, results.length + size))))
      }
      return results
    } catch (error) {
      return userIds.map(() => refusal(error))
    }
  }

  /** Courses are counted anew for each batch, because any number may have been published since the last. */
  async function usersInOneStatement(asked: number): Promise<number> {
    if (asked === 1) return 1
    const publishedCourses = await outlast(() => countPublishedCourses(db))
    return Math.max(1, Math.floor(MAX_ROWS / Math.max(1, publishedCourses)))
  }

  /** One statement for all; when a row is at fault, half of them each, down to the users that cause it. */
  async function settle(userIds: readonly string[]): Promise<(UserCreatedResult | Error)[]> {
    try {
      return resultsOf(userIds, await outlast(() => statement(userIds)))
    } catch (error) {
      if (!isCausedByRow(error)) return userIds.map(() => refusal(error))
      if (userIds.length === 1) return [permanent(error)]
      const middle = Math.ceil(userIds.length / 2)
      return [...(await settle(userIds.slice(0, middle))), ...(await settle(userIds.slice(middle)))]
    }
  }

  async function statement(userIds: readonly string[]): Promise<Enrolled> {
    const startedAt = performance.now()
    const enrolled = await enrollUsers(db, await columnsOf(db), status, userIds)
    onStatement?.(userIds.length, (performance.now() - startedAt) / 1000)
    return enrolled
  }

  function lane(): DataLoader<string, UserCreatedResult> {
    const turns = takeTurns(AT_ONCE)
    return new DataLoader((userIds) => turns.run(() => enrollBatch(userIds)), {
      cache: false,
      maxBatchSize: MAX_USERS,
      batchScheduleFn: turns.whenFree,
    })
  }

  const lanes = { live: lane(), backlog: lane() }
  return (userId, name = 'live') => lanes[name].load(userId)
}

function refusal(error: unknown): Error {
  return error instanceof InterruptedError ? error : transient(error)
}

function resultsOf(userIds: readonly string[], { created, publishedCourses }: Enrolled): UserCreatedResult[] {
  const told = new Set<string>()
  return userIds.map((userId) => {
    const enrolled = told.has(userId) ? 0 : created.get(userId)
    told.add(userId)
    if (enrolled === undefined) return { outcome: 'user-not-found', enrolled: 0 }
    if (publishedCourses === 0) return { outcome: 'no-published-courses', enrolled: 0 }
    return enrolled > 0 ? { outcome: 'enrolled', enrolled } : { outcome: 'already-enrolled', enrolled: 0 }
  })
}

/** Lets so many batches run at a time; the next one collects until one of them is done. */
function takeTurns(atOnce: number) {
  const waiting: (() => void)[] = []
  let running = 0
  return {
    whenFree(dispatch: () => void): void {
      if (running === atOnce) waiting.push(dispatch)
      else {
        running += 1
        setImmediate(dispatch)
      }
    },
    async run<T>(batch: () => Promise<T>): Promise<T> {
      try {
        return await batch()
      } finally {
        const next = waiting.shift()
        if (next === undefined) running -= 1
        else setImmediate(next)
      }
    },
  }
}
