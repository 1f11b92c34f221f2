import type { State } from '../state.js'
import { counting } from './counting.js'
import { databaseUnreachable } from './database-unreachable.js'
import { doubled } from './enrolled-twice.js'
import { everyoneEnrolled } from './everyone-is-enrolled.js'
import { factsOf, type Judge, type VerdictContext } from './facts.js'
import type { Verdict } from './finding.js'
import { noPublishedCourse } from './no-published-course.js'
import { noWorker } from './no-worker.js'
import { paused } from './paused.js'
import { queueUnreachable } from './queue-unreachable.js'
import { stuck } from './stuck.js'
import { switchedOff } from './switched-off.js'
import { missing } from './users-are-missing.js'
import { waiting } from './users-are-waiting.js'

/** Puts the state into words: the first of these that holds, the worst first. */
export function verdictOf(state: State, context: VerdictContext): Verdict {
  const facts = factsOf(state, context)
  for (const judge of JUDGES) {
    const verdict = judge(facts)
    if (verdict !== undefined) return verdict
  }
  return everyoneEnrolled(facts)
}

const JUDGES: readonly Judge[] = [
  queueUnreachable,
  paused,
  switchedOff,
  stuck,
  databaseUnreachable,
  counting,
  noPublishedCourse,
  noWorker,
  waiting,
  missing,
  doubled,
]
