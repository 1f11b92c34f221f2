import type { UserCoverage } from '../../db/coverage.js'
import { causeInWords } from '../../queue/causes.js'
import type { Depth } from '../../queue/depth.js'
import type { Dated } from '../dated.js'
import { type Circumstances, nextTryInWords } from '../next-try.js'
import { agoInWords, are, count, durationInWords } from '../words.js'
import type { Facts } from './facts.js'

/** `9 users are waiting (27 jobs), oldest 4 s`; jobs alone where there are too many to read whose they are. */
export function waitingInWords(depth: Depth, now: Date): string {
  const oldest =
    depth.oldestAt === undefined
      ? ''
      : `, oldest ${durationInWords(now.getTime() - depth.oldestAt.getTime())}`
  return `${whoWaits(depth)} ${are(depth.unfinishedUsers ?? depth.unfinished)} waiting${ofJobs(depth)}${oldest}`
}

/** `9 users`, or `1,234 jobs`. */
export function whoWaits({ unfinished, unfinishedUsers }: Depth): string {
  return unfinishedUsers === undefined ? count(unfinished, 'job') : count(unfinishedUsers, 'user')
}

function ofJobs({ unfinished, unfinishedUsers }: Depth): string {
  return unfinishedUsers === undefined || unfinishedUsers === unfinished
    ? ''
    : ` (${count(unfinished, 'job')})`
}

/** Why jobs are tried again, how many for each cause, and when. */
export function retryingInWords(depth: Depth, circumstances: Circumstances): string[] {
  if (depth.troubles.length === 0) return []
  const seen = depth.troubles.reduce((sum, { jobs }) => sum + jobs, 0)
  const causes = depth.troubles
    .slice(0, 3)
    .map(({ cause, jobs }) => `${jobs}: ${causeInWords(cause)}`)
    .join('; ')
  const [only] = depth.troubles
  const why = depth.troubles.length === 1 && only !== undefined ? causeInWords(only.cause) : causes
  const next =
    depth.delayed > 0 && depth.nextRetryAt !== undefined
      ? ` ${capitalized(nextTryInWords(depth.nextRetryAt, circumstances))}.`
      : ''
  const scope = seen < depth.delayed + depth.active ? 'Of the jobs that were looked at, ' : ''
  return [`${scope}${count(seen, 'job')} could not enroll anyone yet: ${why}.${next}`]
}

/** `3 of 3 users are enrolled.`, or what that was when it was last counted. */
export function coverageDetail({ coverage, now }: Pick<Facts, 'coverage' | 'now'>): string[] {
  if (coverage === undefined || coverage.value.users === 0) return []
  return [`${enrolledInWords(coverage, now)}.`]
}

function enrolledInWords({ value, readAt, isOld }: Dated<UserCoverage>, now: Date): string {
  const part = `${value.withEnrollment.toLocaleString('en')} of ${count(value.users, 'user')}`
  return isOld
    ? `${part} ${value.users === 1 ? 'was' : 'were'} enrolled when last counted, ${agoInWords(readAt, now)}`
    : `${part} ${are(value.users)} enrolled`
}

export function capitalized(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}
