import { are, count } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'

export function enrolledTwice({ details }: Facts): Finding | undefined {
  const duplicates = details?.isValid ? details.value.duplicates : 0
  if (duplicates === 0) return undefined
  return {
    symptom: 'enrolled-twice',
    tone: 'bad',
    headline: `${count(duplicates, 'enrollment')} ${are(duplicates)} there twice`,
    details: ['The unique key on "Enrollment" ("userId", "courseId") is missing; npm run doctor says more.'],
    actions: [],
  }
}
