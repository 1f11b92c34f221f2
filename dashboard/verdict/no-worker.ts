import { count } from '../words.js'
import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { are, coverageDetail, waitingInWords } from './phrases.js'

export function noWorker({ depth, coverage, context }: Facts): Verdict | undefined {
  if (depth === undefined || depth.workers > 0) return undefined
  const complete = coverage !== undefined && coverage.withoutEnrollment === 0 && depth.unfinished === 0
  return {
    symptom: 'no-worker',
    tone: complete ? 'warning' : 'bad',
    headline: complete
      ? 'Everyone is enrolled, but no worker is connected'
      : depth.unfinished > 0
        ? `${waitingInWords(depth, context.now)}, and no worker is connected`
        : `${count(coverage?.withoutEnrollment ?? 0, 'user')} ${are(coverage?.withoutEnrollment ?? 0)} not enrolled, and no worker is connected`,
    details: [
      ...coverageDetail(coverage),
      'Start one with npm run worker; whoever signs up meanwhile waits.',
    ],
    actions: [],
  }
}
