import { countedAgo } from '../dated.js'
import { are, count } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'

/** Everyone has a course, and some users lack others. */
export function coursesMissing({ coverage, details, now }: Facts): Finding | undefined {
  if (!coverage?.isValid || !details?.isValid) return undefined
  const { partlyEnrolled, missingEnrollments } = details.value
  if (partlyEnrolled === 0) return undefined
  const { withoutEnrollment, publishedCourses } = coverage.value
  const lack = `${count(partlyEnrolled, 'user')} ${partlyEnrolled === 1 ? 'lacks' : 'lack'} courses published later`
  return {
    symptom: 'courses-are-missing',
    tone: 'neutral',
    headline: `${withoutEnrollment === 0 ? 'Everyone has a course; ' : ''}${lack}${countedAgo(details, now)}`,
    details: [
      `${count(missingEnrollments, 'enrollment')} ${are(missingEnrollments)} missing in ${count(publishedCourses, 'published course')}.`,
      'Users who have any enrollment are left as they are: a course that is published later, or an enrollment that somebody removed, is not added by itself. "Enroll now" on a user\'s page adds them for that user.',
    ],
    actions: [],
    covers: ['counting'],
  }
}
