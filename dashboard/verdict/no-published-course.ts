import { are, count } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'

export function noPublishedCourse({ coverage, reconcileIntervalMs }: Facts): Finding | undefined {
  if (!coverage?.isValid || coverage.value.publishedCourses > 0) return undefined
  const { withoutEnrollment } = coverage.value
  const then = reconcileIntervalMs > 0 ? '' : ' and a backfill is started'
  return {
    symptom: 'no-published-course',
    tone: 'neutral',
    headline: 'No course is published, so there is nothing to enroll anyone in',
    details:
      withoutEnrollment === 0
        ? []
        : [
            `${count(withoutEnrollment, 'user')} without an enrollment ${are(withoutEnrollment)} enrolled once a course is published${then}.`,
          ],
    actions: [],
    covers: ['counting'],
  }
}
