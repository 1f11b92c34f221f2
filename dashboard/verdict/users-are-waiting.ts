import type { Facts } from './facts.js'
import type { Finding } from './finding.js'
import { coverageDetail, retryingInWords, waitingInWords } from './phrases.js'

export function usersWaiting(facts: Facts): Finding | undefined {
  const { depth, now, circumstances } = facts
  if (depth === undefined || depth.unfinished === 0) return undefined
  return {
    symptom: 'users-are-waiting',
    tone: depth.troubles.length === 0 ? 'busy' : 'warning',
    headline: waitingInWords(depth, now),
    details: [...retryingInWords(depth, circumstances), ...coverageDetail(facts)],
    actions: [],
    covers: ['counting'],
  }
}
