import { type AuditEntry, lastPauseOrResume, NoAuditTable, readAudit } from '../db/audit.js'
import { columnsOf } from '../db/columns.js'
import { type Coverage, readCoverage } from '../db/coverage.js'
import {
  type CourseCoverage,
  readCoverageByCourse,
  readCoverageBySignIn,
  type SignInCoverage,
} from '../db/coverage-by.js'
import type { Database } from '../db/schema.js'
import { countWithoutEnrollment } from '../db/users.js'
import { type Depth, readDepth } from '../queue/depth.js'
import { type FailedJob, type Failures, failedJobs, groupByCause } from '../queue/failed.js'
import { type MinuteCounts, type Recent, readMinuteCounts, readRecent } from '../queue/flow.js'
import type { EventQueue } from '../queue/open.js'
import { keepFresh, lastKnown, type Reading } from './fresh.js'

export interface CoverageFacts extends Coverage {
  byCourse: CourseCoverage[]
  bySignIn: SignInCoverage[]
}

interface FailureFacts {
  jobs: FailedJob[]
  groups: Failures[]
  /** Users of failed jobs who still have no enrollment; unknown while the database does not answer. */
  usersWithout?: number
}

interface AuditFacts {
  /** `false` where the audit log was not made. */
  exists: boolean
  entries: AuditEntry[]
  lastPauseOrResume?: AuditEntry
}

/** Everything that the page tells, as it is known at one moment. */
export interface State {
  depth: Reading<Depth>
  coverage: Reading<CoverageFacts>
  failures: Reading<FailureFacts>
  recent: Reading<Recent>
  audit: Reading<AuditFacts>
}

export interface StateReader {
  /** Never waits long: what is slow is read behind the scenes and told with its age. */
  read(): Promise<State>
  readMinutes(): Promise<Reading<MinuteCounts>>
  /** After something was done: the next `read` does not tell what was before. */
  expire(): void
}

const COURSES_SHOWN = 12
const AUDIT_ENTRIES_SHOWN = 12

/** Reads the state in bounded queries, each at most once at a time and none more often than it is cheap. */
export function createStateReader(db: Database, queue: EventQueue): StateReader {
  const depth = keepFresh(() => readDepth(queue), { maxAgeMs: 1000 })
  const coverage = keepFresh(() => coverageFacts(db), { maxAgeMs: 2000 })
  const failures = keepFresh(() => failureFacts(db, queue), { maxAgeMs: 5000 })
  const recent = keepFresh(() => readRecent(queue), { maxAgeMs: 5000 })
  const minutes = keepFresh(() => readMinuteCounts(queue), { maxAgeMs: 15_000 })
  const audit = keepFresh(() => auditFacts(db), { maxAgeMs: 2000 })

  return {
    async read() {
      const [depthNow, coverageNow, failuresNow, recentNow, auditNow] = await Promise.all([
        depth.read(),
        coverage.read(),
        failures.read(),
        recent.read(),
        audit.read(),
      ])
      return {
        depth: depthNow,
        coverage: coverageNow,
        failures: failuresNow,
        recent: recentNow,
        audit: auditNow,
      }
    },
    readMinutes: () => minutes.read(),
    expire() {
      for (const fresh of [depth, failures, audit]) fresh.expire()
    },
  }
}

async function coverageFacts(db: Database): Promise<CoverageFacts> {
  const columns = await columnsOf(db)
  const coverage = await readCoverage(db)
  const byCourse = await readCoverageByCourse(db, COURSES_SHOWN)
  const bySignIn = await readCoverageBySignIn(db, columns)
  return { ...coverage, byCourse, bySignIn }
}

async function failureFacts(db: Database, queue: EventQueue): Promise<FailureFacts> {
  const jobs: FailedJob[] = []
  for await (const page of failedJobs(queue)) jobs.push(...page)
  const userIds = [...new Set(jobs.map((job) => job.userId))]
  const usersWithout = await countWithoutEnrollment(db, userIds).catch(() => undefined)
  return { jobs, groups: groupByCause(jobs), ...(usersWithout === undefined ? {} : { usersWithout }) }
}

async function auditFacts(db: Database): Promise<AuditFacts> {
  try {
    const [entries, last] = await Promise.all([readAudit(db, AUDIT_ENTRIES_SHOWN), lastPauseOrResume(db)])
    return { exists: true, entries, ...(last === undefined ? {} : { lastPauseOrResume: last }) }
  } catch (error) {
    if (error instanceof NoAuditTable) return { exists: false, entries: [] }
    throw error
  }
}

/** What the page tells, as metrics; each rejects while it is not known. */
export function figuresOf(reader: StateReader) {
  const depth = async () => knownNow((await reader.read()).depth)
  return {
    usersWithoutEnrollment: async () => knownNow((await reader.read()).coverage).withoutEnrollment,
    oldestWaitingSeconds: async () => {
      const { oldestWaitingAt } = await depth()
      return oldestWaitingAt === undefined ? 0 : (Date.now() - oldestWaitingAt.getTime()) / 1000
    },
    unfinishedJobs: async () => (await depth()).unfinished,
  }
}

function knownNow<T>(reading: Reading<T>): T {
  if (reading.status === 'known') return reading.value
  throw new Error('not known at present')
}

/** Who paused the queue and when, as far as it was written down. */
export function pausedBy(state: State): AuditEntry | undefined {
  const last = lastKnown(state.audit)?.lastPauseOrResume
  return last === undefined || last.action === 'resume' ? undefined : last
}

/** When the queue was last set going again by hand: before that, nothing could finish. */
export function setGoingAt(state: State): Date | undefined {
  const audit = lastKnown(state.audit)
  const known = [audit?.lastPauseOrResume, ...(audit?.entries ?? [])]
  const times = known
    .filter((entry) => entry?.action === 'resume' || entry?.action === 'retry-failed')
    .map((entry) => entry?.at.getTime() ?? 0)
  return times.length === 0 ? undefined : new Date(Math.max(...times))
}
