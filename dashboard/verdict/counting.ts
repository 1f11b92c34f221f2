import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'

export function counting({ coverage, depth }: Facts): Verdict | undefined {
  if (coverage !== undefined && depth !== undefined) return undefined
  return {
    symptom: 'counting',
    tone: 'neutral',
    headline: 'Counting who is enrolled …',
    details: [],
    actions: [],
  }
}
