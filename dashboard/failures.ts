import type { Database } from '../db/schema.js'
import { withoutEnrollmentAmong } from '../db/users.js'
import { type FailedJob, type Failures, failedJobs, groupByCause } from '../queue/failed.js'
import type { EventQueue } from '../queue/open.js'

/** The failed jobs of one cause, and whom they concern. */
export interface FailureGroup extends Failures {
  users: number
  /** Users whose latest failure has this cause and who have no enrollment; unknown while the database is away. */
  usersWithout?: number
}

export interface FailureFacts {
  jobs: FailedJob[]
  groups: FailureGroup[]
  users: number
  /** The failed jobs of each user who has no enrollment; unknown while the database is away. */
  without?: ReadonlyMap<string, readonly FailedJob[]>
}

/** Reads the failed jobs that the queue keeps, and which of their users have no enrollment. */
export async function readFailures(db: Database, queue: EventQueue): Promise<FailureFacts> {
  const jobs: FailedJob[] = []
  for await (const page of failedJobs(queue)) jobs.push(...page)
  const ofUser = grouped(jobs, (job) => job.userId)
  const lacking = await withoutEnrollmentAmong(db, [...ofUser.keys()]).catch(() => undefined)
  const without = lacking && new Map([...ofUser].filter(([userId]) => lacking.has(userId)))
  return {
    jobs,
    users: ofUser.size,
    groups: withUsers(groupByCause(jobs), jobs, without),
    ...(without === undefined ? {} : { without }),
  }
}

function withUsers(
  groups: readonly Failures[],
  jobs: readonly FailedJob[],
  without: FailureFacts['without'],
): FailureGroup[] {
  const ofCause = grouped(jobs, (job) => job.cause.id)
  const latest = without && grouped([...without.values()].map(latestOf), (job) => job.cause.id)
  return groups.map((group) => ({
    ...group,
    users: new Set(ofCause.get(group.cause.id)?.map((job) => job.userId)).size,
    ...(latest === undefined ? {} : { usersWithout: latest.get(group.cause.id)?.length ?? 0 }),
  }))
}

function latestOf(jobs: readonly FailedJob[]): FailedJob {
  return jobs.reduce((latest, job) => (job.failedAt > latest.failedAt ? job : latest))
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
