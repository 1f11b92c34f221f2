import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { coverageDetail } from './phrases.js'

export function queueUnreachable({ state, coverage }: Facts): Verdict | undefined {
  if (state.depth.status !== 'failed') return undefined
  const both = state.coverage.status === 'failed'
  return {
    symptom: both ? 'database-unreachable' : 'queue-unreachable',
    tone: 'bad',
    headline: both
      ? 'Neither the database nor the queue answers'
      : `The queue does not answer: ${state.depth.reason}`,
    details: [
      ...(both ? [`The queue: ${state.depth.reason}`] : coverageDetail(coverage)),
      'Sign-ups go on. Whoever signs up meanwhile is found in the database and enrolled once the queue is back.',
    ],
    actions: [],
  }
}
