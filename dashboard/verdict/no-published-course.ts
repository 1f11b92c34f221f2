import { count } from '../words.js'
import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { are, waitingInWords } from './phrases.js'

export function noPublishedCourse({ coverage, depth, context }: Facts): Verdict | undefined {
  if (coverage === undefined || coverage.publishedCourses > 0) return undefined
  return {
    symptom: 'no-published-course',
    tone: 'neutral',
    headline: 'No course is published, so there is nothing to enroll anyone in',
    details: [
      `${count(coverage.withoutEnrollment, 'user')} without an enrollment ${are(coverage.withoutEnrollment)} enrolled once a course is published${
        context.reconcileIntervalMs > 0 ? '' : ' and a backfill is started'
      }.`,
      ...(depth !== undefined && depth.unfinished > 0 ? [`${waitingInWords(depth, context.now)}.`] : []),
    ],
    actions: [],
  }
}
