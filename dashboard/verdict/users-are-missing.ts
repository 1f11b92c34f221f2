import { causeInWords } from '../../queue/causes.js'
import type { Depth } from '../../queue/depth.js'
import { type EarlierJob, nextRoundBy } from '../../queue/recurrence.js'
import { countedAgo, dated } from '../dated.js'
import type { FailureFacts } from '../failures.js'
import { nextRoundInWords } from '../next-try.js'
import { are, count } from '../words.js'
import type { Facts } from './facts.js'
import type { ActionName, Finding } from './finding.js'
import { capitalized, coverageDetail } from './phrases.js'

const CAUSES_NAMED = 3

/** Users without an enrollment who are not simply waiting in the queue. */
export function usersMissing(facts: Facts): Finding | undefined {
  const { coverage, depth, state, now } = facts
  if (!coverage?.isValid || coverage.value.publishedCourses === 0) return undefined
  const missing = coverage.value.withoutEnrollment
  const failures = dated(state.failures, now, state.changedAt)?.value
  const failed = Math.min(failures?.without?.size ?? 0, missing)
  const others = missing - failed
  if (
    missing === 0 ||
    (failed === 0 && (depth === undefined || isStopped(facts) || mayBeQueued(facts, others)))
  )
    return undefined
  return {
    symptom: 'users-are-missing',
    tone: 'bad',
    headline: `${count(missing, 'user')} ${are(missing)} not enrolled${countedAgo(coverage, now)}${reasonOf(failures, failed, others)}`,
    details: [
      ...(failures === undefined || failed === 0 ? [] : failedInWords(failures, failed, facts)),
      ...(others === 0 ? [] : [othersInWords(facts, others, failed > 0)]),
      ...coverageDetail(facts),
    ],
    actions: actionsFor(failed, others, facts),
    covers: ['counting'],
  }
}

/** Another finding says that nobody is being enrolled at present. */
function isStopped({ depth, enabled }: Facts): boolean {
  return !enabled || (depth !== undefined && isHeld(depth))
}

function isHeld({ limits, workers }: Depth): boolean {
  return limits.paused > 0 || limits.refusal !== undefined || workers === 0
}

/** So many users may sign up and be enrolled between two looks at the queue. */
const BETWEEN_LOOKS = 100

/** The users were counted and the queue was read at different moments, and both change all the time. */
function mayBeQueued({ coverage, depth, state }: Facts, users: number): boolean {
  const goesOn =
    depth?.lastFinishedAt !== undefined && coverage !== undefined && depth.lastFinishedAt >= coverage.readAt
  return users <= state.peakUnfinished + (goesOn ? BETWEEN_LOOKS : 0)
}

/** A backfill queues users whose jobs will fail again, so it is offered only where it helps somebody. */
function actionsFor(failed: number, others: number, facts: Facts): ActionName[] {
  return [
    ...(failed > 0 ? (['failures'] as const) : []),
    ...(others > 0 && backfillHelps(facts) && !mayBeQueued(facts, others) ? (['backfill'] as const) : []),
  ]
}

function backfillHelps({ circumstances }: Facts): boolean {
  return circumstances.limits?.refusal === undefined && circumstances.databaseTrouble === undefined
}

function reasonOf(failures: FailureFacts | undefined, failed: number, others: number): string {
  const groups = failures?.groups.filter(({ usersWithout = 0 }) => usersWithout > 0) ?? []
  const [only] = groups
  if (failed === 0 || only === undefined) return ''
  if (others > 0) return `; the jobs of ${failed.toLocaleString('en')} of them failed`
  return groups.length === 1 ? `: ${causeInWords(only.cause)}` : `, for ${groups.length} reasons`
}

function failedInWords({ groups, without }: FailureFacts, failed: number, facts: Facts): string[] {
  const concerned = groups
    .filter(({ usersWithout = 0 }) => usersWithout > 0)
    .sort((a, b) => (b.usersWithout ?? 0) - (a.usersWithout ?? 0))
  const causes = concerned
    .slice(0, CAUSES_NAMED)
    .map(({ cause, usersWithout = 0 }) => `${count(usersWithout, 'user')}: ${causeInWords(cause)}`)
  const more =
    concerned.length > CAUSES_NAMED ? `; ${count(concerned.length - CAUSES_NAMED, 'more cause')}` : ''
  return [
    `The jobs of ${failed.toLocaleString('en')} of them failed for good${concerned.length > 1 ? `. ${causes.join('; ')}${more}` : ''}.`,
    `Until the cause is gone they fail again. ${firstRound([...(without?.values() ?? [])], facts)}`,
  ]
}

/** When the first of them is queued again. */
function firstRound(users: readonly (readonly EarlierJob[])[], facts: Facts): string {
  const { now, reconcileIntervalMs, circumstances } = facts
  const times = users.map((jobs) => nextRoundBy(jobs, reconcileIntervalMs, now).getTime())
  const by = new Date(Math.min(...times))
  const whom = users.length === 1 ? 'the user again' : 'the first of them again'
  return `${capitalized(nextRoundInWords(by, circumstances, whom))}.`
}

function othersInWords(facts: Facts, others: number, besides: boolean): string {
  const { circumstances, now, depth } = facts
  const by = new Date(now.getTime() + circumstances.reconcileIntervalMs)
  const whom = besides ? `the other ${others.toLocaleString('en')}` : 'them'
  const waiting =
    depth !== undefined && depth.unfinished > 0
      ? `${count(depth.unfinished, 'job')} ${are(depth.unfinished)} in the queue. `
      : ''
  return `${waiting}${capitalized(nextRoundInWords(by, circumstances, whom))}${backfillHelps(facts) ? '; a backfill does it now' : ''}.`
}
