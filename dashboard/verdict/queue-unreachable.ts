import type { Facts } from './facts.js'
import type { Finding } from './finding.js'
import { coverageDetail } from './phrases.js'

export function queueUnreachable(facts: Facts): Finding | undefined {
  const { depth } = facts.state
  if (depth.status !== 'failed') return undefined
  return {
    symptom: 'queue-unreachable',
    tone: 'bad',
    headline: `The queue does not respond: ${depth.reason}`,
    details: [
      ...(facts.databaseTrouble === undefined ? coverageDetail(facts) : []),
      'Sign-ups continue. Users who sign up now are found in the database and enrolled once the queue is back.',
    ],
    actions: [],
    covers: ['counting'],
  }
}
