import type { Facts } from './facts.js'
import type { Finding } from './finding.js'
import { capitalized, coverageDetail } from './phrases.js'

/** The queue can be read, so the figures are right, but nobody can be queued and no job can start or finish. */
export function queueRefusesWrites(facts: Facts): Finding | undefined {
  const refusal = facts.depth?.limits.refusal
  if (refusal === undefined) return undefined
  return {
    symptom: 'queue-unreachable',
    tone: 'bad',
    headline: capitalized(refusal),
    details: [
      ...coverageDetail(facts),
      'Sign-ups continue. Users who sign up now are found in the database and enrolled once the queue accepts writes again; a backfill fails until then.',
    ],
    actions: [],
    covers: ['counting', 'no-worker'],
  }
}
