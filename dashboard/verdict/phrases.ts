import { type Cause, causeInWords } from '../../queue/causes.js'
import type { Depth } from '../../queue/depth.js'
import type { CoverageFacts, State } from '../state.js'
import { agoInWords, count, durationInWords } from '../words.js'

export function waitingInWords(depth: Depth, now: Date): string {
  const oldest =
    depth.oldestAt === undefined
      ? ''
      : `, oldest ${durationInWords(now.getTime() - depth.oldestAt.getTime())}`
  return `${count(depth.unfinished, 'user')} ${are(depth.unfinished)} waiting${oldest}`
}

export function retryingInWords(depth: Depth, because: Cause): string {
  return `${count(depth.delayed, 'job')} ${are(depth.delayed)} being tried again: ${causeInWords(because)}.`
}

export function coverageDetail(coverage: CoverageFacts | undefined): string[] {
  if (coverage === undefined || coverage.users === 0) return []
  return [
    `${coverage.withEnrollment.toLocaleString('en')} of ${count(coverage.users, 'user')} ${are(coverage.users)} enrolled.`,
  ]
}

export function lastCounted({ coverage }: State, now: Date): string[] {
  if (coverage.status !== 'failed' || coverage.last === undefined) return []
  const { value, readAt } = coverage.last
  return [`Counted ${agoInWords(readAt, now)}: ${coverageDetail(value).join(' ')}`]
}

export function databaseInWords({ reason, code }: { reason: string; code?: string }): string {
  return causeInWords({ id: '', message: reason, ...(code === undefined ? {} : { code }) })
}

export function are(number: number): string {
  return number === 1 ? 'is' : 'are'
}
