import { withColumns } from '../db/columns.js'
import { countPublishedCourses, publishedCourseIds } from '../db/courses.js'
import { type Enrolled, type EnrollOptions, enrollUsers } from '../db/enrollments.js'
import type { Database } from '../db/schema.js'
import { faultOf } from './errors.js'
import type { OutageWatch } from './outage.js'
import { keepPace } from './pace.js'
import type { Block } from './tally.js'

export interface StatementsOptions {
  db: Database
  /** A pool that gives up early on a statement that is not answered, for those that everyone waits for; by default `db`. */
  quickDb?: Database
  /** Status of a new enrollment. */
  status: string
  /** Called after each statement: how many users it named and how long it took. */
  onStatement?: (users: number, seconds: number) => void
  /** Waits while the database can enroll nobody. */
  outage?: OutageWatch
}

/** How long a statement waits for a lock, and how long it may take. */
export interface Patience {
  lockTimeoutMs: number
  statementTimeoutMs: number
}

/** Longer than transactions should keep a row, and short enough for those who wait with the one that is locked. */
const LOCK_TIMEOUT_MS = 250

/** Makes a check that rejects while nobody at all can be enrolled. */
export function probeEnrolling(db: Database, status: string): () => Promise<unknown> {
  return () =>
    withColumns(db, (columns) => enrollUsers(db, columns, status, [], { lockTimeoutMs: LOCK_TIMEOUT_MS }))
}

/** The statements of the worker: how large they are, how long they take, and what an outage does to them. */
export function createStatements({ db, quickDb = db, status, onStatement, outage }: StatementsOptions) {
  const pace = keepPace()
  let published = 1

  return {
    /** Counts the published courses, for the size of the next statements: any number may have been published. */
    async countCourses(): Promise<void> {
      published = await waitingOutOutages(() => countPublishedCourses(quickDb))
    },
    /** Users that a statement may name, in so many courses or in all that are published, to take so long. */
    usersAtOnce: (courses = published, seconds?: number): number => pace.users(courses, seconds),
    publishedCourses: (): Promise<string[]> => waitingOutOutages(() => publishedCourseIds(db)),
    /** Enrolls in every published course but those. */
    enroll(users: readonly string[], except: readonly string[]): Promise<Enrolled> {
      const options = { lockTimeoutMs: LOCK_TIMEOUT_MS, ...(except.length > 0 ? { except } : {}) }
      return run(quickDb, { users, courses: undefined }, options)
    },
    /** Enrolls in those courses alone, as far as they are published. */
    enrollIn({ users, courses }: Block, patience: Patience): Promise<Enrolled> {
      return run(db, { users, courses }, { only: courses, ...patience })
    },
  }

  function run(
    on: Database,
    { users, courses }: { users: readonly string[]; courses: readonly string[] | undefined },
    options: EnrollOptions,
  ): Promise<Enrolled> {
    const rows = () => users.length * Math.max(1, courses?.length ?? published)
    return waitingOutOutages(async () => {
      const startedAt = performance.now()
      try {
        const enrolled = await withColumns(on, (columns) => enrollUsers(on, columns, status, users, options))
        const seconds = (performance.now() - startedAt) / 1000
        pace.took(rows(), seconds)
        onStatement?.(users.length, seconds)
        return enrolled
      } catch (error) {
        if (faultOf(error) === 'slow') pace.tookTooLong(rows())
        throw error
      }
    })
  }

  /** Waits out outages, so that what it throws is about the rows of the statement. */
  async function waitingOutOutages<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      await outage?.over()
      try {
        return await work()
      } catch (error) {
        const fault = faultOf(error)
        if (fault !== 'other' && fault !== 'slow') throw error
        if (await outage?.explains(error)) tries = 0
        // A connection that broke says nothing about the rows.
        else if (fault === 'slow' || tries > 1) throw error
      }
    }
  }
}

export type Statements = ReturnType<typeof createStatements>
