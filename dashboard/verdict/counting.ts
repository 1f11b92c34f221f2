import type { Facts } from './facts.js'
import type { Finding } from './finding.js'
import { coverageDetail } from './phrases.js'

/** Something that the verdict needs was not read yet, could not be read, or is outdated. */
export function counting(facts: Facts): Finding | undefined {
  const { coverage, details, depth } = facts
  const isComplete = details?.isValid && details.value.publishedCourses === coverage?.value.publishedCourses
  return depth !== undefined && coverage?.isValid && isComplete ? undefined : countingNow(facts)
}

export function countingNow(facts: Facts): Finding {
  return {
    symptom: 'counting',
    tone: 'neutral',
    headline: headlineOf(facts),
    details: coverageDetail(facts),
    actions: [],
  }
}

function headlineOf({ coverage, state, depth }: Facts): string {
  const everyone = coverage?.isValid && coverage.value.withoutEnrollment === 0
  if (!everyone) return 'Counting who is enrolled …'
  if (depth === undefined) return 'Everyone has a course; reading who waits in the queue …'
  return state.details.status === 'failed'
    ? `Everyone has a course; who has all of them cannot be counted: ${state.details.reason}`
    : 'Everyone has a course; counting who has all of them …'
}
