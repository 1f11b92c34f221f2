import { type AuditEntry, lastPauseOrResume, NoAuditTable, readAudit } from '../db/audit.js'
import { type Blocker, readBlockers } from '../db/blockers.js'
import { columnsOf } from '../db/columns.js'
import { countPublishedCourses } from '../db/courses.js'
import { type Completeness, readCompleteness, readUserCoverage, type UserCoverage } from '../db/coverage.js'
import {
  type CourseCoverage,
  readCoverageByCourse,
  readCoverageBySignIn,
  type SignInCoverage,
} from '../db/coverage-by.js'
import { readDatabaseIdentity } from '../db/identity.js'
import type { Database } from '../db/schema.js'
import { type Depth, readDepth } from '../queue/depth.js'
import { type MinuteCounts, type Recent, readMinuteCounts, readRecent } from '../queue/flow.js'
import { type ForeignOwner, foreignOwnerOf } from '../queue/identity.js'
import type { EventQueue } from '../queue/open.js'
import { type FailureFacts, readFailures } from './failures.js'
import { keepFresh, lastKnown, type Reading } from './fresh.js'

/** Counts that pass over every enrollment, and so are read rarely. */
export interface CoverageDetails extends Completeness {
  publishedCourses: number
  byCourse: CourseCoverage[]
  bySignIn: SignInCoverage[]
}

interface AuditFacts {
  /** `false` where the audit log was not made. */
  exists: boolean
  entries: AuditEntry[]
  lastPauseOrResume?: AuditEntry
}

/** Everything that the page says, as it was last read. */
export interface State {
  depth: Reading<Depth>
  coverage: Reading<UserCoverage>
  details: Reading<CoverageDetails>
  failures: Reading<FailureFacts>
  blockers: Reading<Blocker[]>
  /** The other database that the queue serves, if it does. */
  foreignOwner: Reading<ForeignOwner | undefined>
  recent: Reading<Recent>
  audit: Reading<AuditFacts>
  /** The most unfinished jobs that the queue had in the last moments. */
  peakUnfinished: number
  /** When somebody last did something that makes every earlier count wrong. */
  changedAt?: Date
}

export interface StateReader {
  /** Never waits long: what is slow is read in the background, and shown with its age. */
  read(): Promise<State>
  readMinutes(): Promise<Reading<MinuteCounts>>
  /** After something was done: everything is read anew, and shown as outdated until then. */
  expire(): void
}

const COURSES_SHOWN = 12
const AUDIT_ENTRIES_SHOWN = 12
const PEAK_OF_MS = 10_000

/** Reads the state in bounded queries: each at most once at a time, and slow ones less often. */
export function createStateReader(db: Database, queue: EventQueue): StateReader {
  const fresh = {
    depth: keepFresh(() => readDepth(queue), { maxAgeMs: 1000 }),
    coverage: keepFresh(() => readUserCoverage(db), { maxAgeMs: 2000 }),
    details: keepFresh(() => readDetails(db), { maxAgeMs: 5000, silenceMs: 30_000 }),
    failures: keepFresh(() => readFailures(db, queue), { maxAgeMs: 5000 }),
    foreignOwner: keepFresh(async () => foreignOwnerOf(queue, await readDatabaseIdentity(db)), {
      maxAgeMs: 5000,
    }),
    blockers: keepFresh(() => readBlockers(db), { maxAgeMs: 5000 }),
    recent: keepFresh(() => readRecent(queue), { maxAgeMs: 5000 }),
    audit: keepFresh(() => auditFacts(db), { maxAgeMs: 2000 }),
  }
  const minutes = keepFresh(() => readMinuteCounts(queue), { maxAgeMs: 15_000 })
  let changedAt: Date | undefined
  let lastRollback: string | undefined
  let lastPublished: number | undefined
  const unfinished: { at: number; jobs: number }[] = []

  function expire(): void {
    changedAt = new Date()
    for (const { expire } of Object.values(fresh)) expire()
  }

  /** A rollback by a command removes what was counted; it is noticed when it begins and when it ends. */
  function noticeRollback(audit: State['audit']): void {
    const entries = lastKnown(audit)?.entries
    if (entries === undefined) return
    const rollback = entries.find(({ action }) => action === 'rollback')
    const seen = `${rollback?.id} ${rollback?.result}`
    if (lastRollback !== undefined && lastRollback !== seen) expire()
    lastRollback = seen
  }

  /** A course that is published or withdrawn changes who has all of them. */
  function noticeCourses(published: number | undefined): void {
    if (lastPublished !== undefined && published !== lastPublished) fresh.details.expire()
    lastPublished = published
  }

  function peak(depth: State['depth']): number {
    const now = Date.now()
    if (depth.status === 'known') unfinished.push({ at: now, jobs: depth.value.unfinished })
    while (unfinished[0] !== undefined && unfinished[0].at < now - PEAK_OF_MS) unfinished.shift()
    return Math.max(0, ...unfinished.map(({ jobs }) => jobs))
  }

  return {
    async read() {
      const [depth, coverage, details, failures, blockers, foreignOwner, recent, audit] = await Promise.all([
        fresh.depth.read(),
        fresh.coverage.read(),
        fresh.details.read(),
        fresh.failures.read(),
        fresh.blockers.read(),
        fresh.foreignOwner.read(),
        fresh.recent.read(),
        fresh.audit.read(),
      ])
      noticeRollback(audit)
      noticeCourses(lastKnown(coverage)?.publishedCourses)
      return {
        depth,
        coverage,
        details,
        failures,
        blockers,
        foreignOwner,
        recent,
        audit,
        peakUnfinished: peak(depth),
        ...(changedAt === undefined ? {} : { changedAt }),
      }
    },
    readMinutes: () => minutes.read(),
    expire,
  }
}

async function readDetails(db: Database): Promise<CoverageDetails> {
  const columns = await columnsOf(db)
  const publishedCourses = await countPublishedCourses(db)
  const completeness = await readCompleteness(db)
  const byCourse = await readCoverageByCourse(db, COURSES_SHOWN)
  const bySignIn = await readCoverageBySignIn(db, columns)
  return { ...completeness, publishedCourses, byCourse, bySignIn }
}

async function auditFacts(db: Database): Promise<AuditFacts> {
  try {
    const entries = await readAudit(db, AUDIT_ENTRIES_SHOWN)
    const last = await lastPauseOrResume(db)
    return { exists: true, entries, ...(last === undefined ? {} : { lastPauseOrResume: last }) }
  } catch (error) {
    if (error instanceof NoAuditTable) return { exists: false, entries: [] }
    throw error
  }
}

/** What the page says, as metrics; each rejects while it is not known. */
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

/** Who paused the queue and when, if that was recorded. */
export function pausedBy(state: State): AuditEntry | undefined {
  const last = lastKnown(state.audit)?.lastPauseOrResume
  return last === undefined || last.action === 'resume' ? undefined : last
}

/** When somebody last let the queue continue: before that, nothing could finish. */
export function continuedAt(state: State): Date | undefined {
  const audit = lastKnown(state.audit)
  const known = [audit?.lastPauseOrResume, ...(audit?.entries ?? [])]
  const times = known
    .filter((entry) => entry !== undefined)
    .filter(({ action }) => action === 'resume' || action === 'retry-failed' || action === 'remove-limits')
    .map((entry) => entry.at.getTime())
  return times.length === 0 ? undefined : new Date(Math.max(...times))
}
