import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { coverageDetail } from './phrases.js'

export function switchedOff({ context, coverage }: Facts): Verdict | undefined {
  if (context.enabled) return undefined
  return {
    symptom: 'switched-off',
    tone: 'warning',
    headline: 'Switched off: AUTO_ENROLL_ENABLED is false',
    details: ['Nothing is published, consumed or reconciled; nobody is lost.', ...coverageDetail(coverage)],
    actions: [],
  }
}
