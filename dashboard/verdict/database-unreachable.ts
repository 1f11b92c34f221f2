import type { Facts } from './facts.js'
import type { Finding } from './finding.js'
import { coverageDetail } from './phrases.js'

export function databaseUnreachable(facts: Facts): Finding | undefined {
  if (facts.databaseTrouble === undefined) return undefined
  return {
    symptom: 'database-unreachable',
    tone: 'bad',
    headline: `Who is enrolled cannot be read: ${facts.databaseTrouble}`,
    details: [...coverageDetail(facts), 'Jobs are kept until the database is back; nobody is lost.'],
    actions: [],
    covers: ['counting'],
  }
}
