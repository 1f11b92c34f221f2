import { agoInWords, are, count } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'

/** Nothing waits, nobody is missing, and everyone has every published course. */
export function everyoneEnrolled({ coverage, details, depth, now }: Facts): Finding | undefined {
  if (!coverage?.isValid || !details?.isValid || depth === undefined) return undefined
  const { users, withoutEnrollment, publishedCourses } = coverage.value
  const isComplete =
    withoutEnrollment === 0 &&
    details.value.partlyEnrolled === 0 &&
    details.value.publishedCourses === publishedCourses
  if (!isComplete || depth.unfinished > 0 || (publishedCourses === 0 && users > 0)) return undefined
  const oldest = coverage.readAt < details.readAt ? coverage : details
  return {
    symptom: 'everyone-is-enrolled',
    tone: 'good',
    headline: headlineOf(users, oldest.isOld ? agoInWords(oldest.readAt, now) : undefined),
    details: [
      ...(users === 0
        ? []
        : [`${count(users, 'user')}, ${count(publishedCourses, 'published course')}, nobody waiting.`]),
      ...(depth.failed > 0
        ? [
            `${count(depth.failed, 'old failed job')} ${are(depth.failed)} kept below; their users are enrolled or gone.`,
          ]
        : []),
    ],
    actions: [],
    covers: ['counting'],
  }
}

function headlineOf(users: number, ago: string | undefined): string {
  if (users === 0) return 'Nobody has signed up yet'
  return ago === undefined ? 'Everyone is enrolled' : `Everyone was enrolled when last counted, ${ago}`
}
