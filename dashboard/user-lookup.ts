import { columnsOf } from '../db/columns.js'
import { coursesOfUser, findUser } from '../db/explain.js'
import type { Database } from '../db/schema.js'
import type { FailedJob } from '../queue/failed.js'
import type { EventQueue } from '../queue/open.js'
import { jobsOfUser } from '../queue/user-jobs.js'
import { type Explanation, explain } from './explain.js'

/** What is known of the user with this id or email; `undefined` when there is none. */
export type UserLookup = (idOrEmail: string) => Promise<Explanation | undefined>

interface LookupContext {
  db: Database
  queue: EventQueue
  /** The failed jobs to look through. */
  failedJobs: () => Promise<readonly FailedJob[]>
  reconcileIntervalMs: number
}

const COURSES_SHOWN = 200

/** @throws whatever the database throws; a queue that does not answer leaves the jobs untold */
export function createUserLookup({ db, queue, failedJobs, reconcileIntervalMs }: LookupContext): UserLookup {
  return async (idOrEmail) => {
    const columns = await columnsOf(db)
    const user = await findUser(db, columns, idOrEmail)
    if (user === undefined) return undefined
    const [courses, jobs, paused] = await Promise.all([
      coursesOfUser(db, columns, user.id, COURSES_SHOWN),
      failedJobs()
        .then((failed) => jobsOfUser(queue, user.id, failed))
        .catch(() => undefined),
      queue.isPaused().catch(() => undefined),
    ])
    return explain(user, courses, jobs, { now: new Date(), paused, reconcileIntervalMs })
  }
}
