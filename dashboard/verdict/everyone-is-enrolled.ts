import { count } from '../words.js'
import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { are } from './phrases.js'

export function everyoneEnrolled({ coverage, depth }: Facts): Verdict {
  const users = coverage?.users ?? 0
  return {
    symptom: 'everyone-is-enrolled',
    tone: 'good',
    headline: users === 0 ? 'Nobody has signed up yet' : 'Everyone is enrolled',
    details: [
      ...(users === 0
        ? []
        : [
            `${count(users, 'user')}, ${count(coverage?.publishedCourses ?? 0, 'published course')}, nobody waiting.`,
          ]),
      ...(depth !== undefined && depth.failed > 0
        ? [
            `${count(depth.failed, 'old failed job')} ${are(depth.failed)} kept below; their users are enrolled or gone.`,
          ]
        : []),
    ],
    actions: [],
  }
}
