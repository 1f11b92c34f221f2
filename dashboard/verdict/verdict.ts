import type { State } from '../state.js'
import { anotherDatabase } from './another-database.js'
import { counting, countingNow } from './counting.js'
import { coursesMissing } from './courses-are-missing.js'
import { databaseUnreachable } from './database-unreachable.js'
import { enrolledTwice } from './enrolled-twice.js'
import { everyoneEnrolled } from './everyone-is-enrolled.js'
import { factsOf, type Judge, type VerdictContext } from './facts.js'
import type { Finding, Tone, Verdict } from './finding.js'
import { limited } from './limited.js'
import { lockedRows } from './locked-rows.js'
import { noPublishedCourse } from './no-published-course.js'
import { noWorker } from './no-worker.js'
import { paused } from './paused.js'
import { queueRefusesWrites } from './queue-refuses-writes.js'
import { queueUnreachable } from './queue-unreachable.js'
import { stuck } from './stuck.js'
import { switchedOff } from './switched-off.js'
import { usersMissing } from './users-are-missing.js'
import { usersWaiting } from './users-are-waiting.js'

/** Of the same tone, what must be mended before the others comes first. */
const JUDGES: readonly Judge[] = [
  queueUnreachable,
  queueRefusesWrites,
  databaseUnreachable,
  anotherDatabase,
  stuck,
  limited,
  enrolledTwice,
  paused,
  noWorker,
  usersMissing,
  switchedOff,
  lockedRows,
  usersWaiting,
  counting,
  everyoneEnrolled,
  coursesMissing,
  noPublishedCourse,
]

const TONES: readonly Tone[] = ['bad', 'warning', 'busy', 'good', 'neutral']

/** Puts the state into words: what is worst first, and everything else that holds as well. */
export function verdictOf(state: State, context: VerdictContext): Verdict {
  const facts = factsOf(state, context)
  const found = JUDGES.map((judge) => judge(facts))
    .filter((finding) => finding !== undefined)
    .sort((a, b) => TONES.indexOf(a.tone) - TONES.indexOf(b.tone))
  const [first = countingNow(facts), ...others] = found.filter((finding) => !isSaid(finding, found))
  const also = others.filter(({ tone }) => tone !== 'good')
  return { ...first, also: withoutRepetition(first, also) }
}

/** Several findings may end with the same detail, such as how many users are enrolled. */
function withoutRepetition(first: Finding, others: readonly Finding[]): Finding[] {
  const said = new Set(first.details)
  return others.map((finding) => {
    const details = finding.details.filter((detail) => !said.has(detail))
    for (const detail of details) said.add(detail)
    return { ...finding, details }
  })
}

/** By a finding that covers it, or one before it of the same symptom. */
function isSaid(finding: Finding, found: readonly Finding[]): boolean {
  return found.some(
    (other, index) =>
      other.covers?.includes(finding.symptom) ||
      (other.symptom === finding.symptom && index < found.indexOf(finding)),
  )
}
