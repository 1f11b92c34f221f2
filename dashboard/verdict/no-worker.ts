import { are, count } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'
import { coverageDetail, waitingInWords } from './phrases.js'

export function noWorker(facts: Facts): Finding | undefined {
  const { depth, coverage } = facts
  if (depth === undefined || depth.workers > 0) return undefined
  const canEnroll = coverage?.isValid && coverage.value.publishedCourses > 0
  const missing = canEnroll ? coverage.value.withoutEnrollment : 0
  return {
    symptom: 'no-worker',
    tone: missing > 0 || depth.unfinished > 0 ? 'bad' : 'warning',
    headline: headlineOf(facts, missing),
    details: [
      ...coverageDetail(facts),
      'Start one with npm run worker; until then, users who sign up have to wait.',
    ],
    actions: [],
    covers: ['users-are-waiting', 'counting'],
  }
}

function headlineOf({ depth, now }: Facts, missing: number): string {
  if (depth !== undefined && depth.unfinished > 0)
    return `${waitingInWords(depth, now)}, and no worker is connected`
  return missing > 0
    ? `${count(missing, 'user')} ${are(missing)} not enrolled, and no worker is connected`
    : 'No worker is connected'
}
