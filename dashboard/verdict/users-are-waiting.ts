import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { coverageDetail, retryingInWords, waitingInWords } from './phrases.js'

export function waiting({ depth, coverage, context }: Facts): Verdict | undefined {
  if (depth === undefined || depth.unfinished === 0) return undefined
  const because = depth.retryingBecause
  return {
    symptom: 'users-are-waiting',
    tone: because === undefined ? 'busy' : 'warning',
    headline: waitingInWords(depth, context.now),
    details: [
      ...(because === undefined ? [] : [retryingInWords(depth, because)]),
      ...coverageDetail(coverage),
    ],
    actions: [],
  }
}
