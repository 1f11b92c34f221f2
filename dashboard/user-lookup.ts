import { columnsOf } from '../db/columns.js'
import { coursesOfUser, findUser } from '../db/explain.js'
import { readDatabaseIdentity } from '../db/identity.js'
import type { Database } from '../db/schema.js'
import type { FailedJob } from '../queue/failed.js'
import { foreignOwnerOf } from '../queue/identity.js'
import { readLimits } from '../queue/limits.js'
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
  settings: { enabled: boolean; reconcileIntervalMs: number }
}

/** @throws whatever the database throws; while the queue does not respond, the jobs are left out */
export function createUserLookup({ db, queue, failedJobs, settings }: LookupContext): UserLookup {
  return async (idOrEmail) => {
    const columns = await columnsOf(db)
    const user = await findUser(db, columns, idOrEmail)
    if (user === undefined) return undefined
    const [courses, found, limits, workers, owner] = await Promise.all([
      coursesOfUser(db, columns, user.id),
      failedJobs()
        .then((failed) => jobsOfUser(queue, user.id, failed))
        .catch(() => undefined),
      readLimits(queue).catch(() => undefined),
      queue
        .bull()
        .getWorkersCount()
        .catch(() => undefined),
      readDatabaseIdentity(db)
        .then((identity) => foreignOwnerOf(queue, identity))
        .catch(() => undefined),
    ])
    return explain(
      { user, courses, jobs: found?.jobs, hasLostEvent: found?.hasLostEvent === true },
      {
        ...settings,
        now: new Date(),
        limits,
        workers,
        databaseTrouble: undefined,
        otherDatabase: owner?.name,
      },
    )
  }
}
