import { count } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'
import { coverageDetail } from './phrases.js'

export function switchedOff(facts: Facts): Finding | undefined {
  if (facts.enabled) return undefined
  const workers = facts.depth?.workers ?? 0
  return {
    symptom: 'switched-off',
    tone: 'warning',
    headline: 'Switched off: AUTO_ENROLL_ENABLED is false',
    details: [
      workers === 0
        ? 'Nothing is published, consumed or reconciled; nobody is lost.'
        : `That is the setting of this page. ${count(workers, 'worker')} with another setting ${workers === 1 ? 'is' : 'are'} connected.`,
      ...coverageDetail(facts),
    ],
    actions: [],
    covers: workers === 0 ? ['no-worker', 'users-are-waiting', 'stuck', 'counting'] : ['counting'],
  }
}
