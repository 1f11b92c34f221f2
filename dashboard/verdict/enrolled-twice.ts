import { count } from '../words.js'
import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { are } from './phrases.js'

export function doubled({ coverage }: Facts): Verdict | undefined {
  if (coverage === undefined || coverage.duplicates === 0) return undefined
  return {
    symptom: 'enrolled-twice',
    tone: 'bad',
    headline: `${count(coverage.duplicates, 'enrollment')} ${are(coverage.duplicates)} there twice`,
    details: ['The unique key on "Enrollment" ("userId", "courseId") is missing: npm run doctor tells more.'],
    actions: [],
  }
}
