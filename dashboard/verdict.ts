import { type Cause, causeInWords } from '../queue/causes.js'
import type { Depth } from '../queue/depth.js'
import { lastKnown } from './fresh.js'
import { type CoverageFacts, pausedBy, type State, setGoingAt } from './state.js'
import { agoInWords, count, durationInWords, timeInWords } from './words.js'

/** Each has a chapter of this name in the runbook. */
export type Symptom =
  | 'everyone-is-enrolled'
  | 'users-are-waiting'
  | 'stuck'
  | 'no-worker'
  | 'paused'
  | 'users-are-missing'
  | 'no-published-course'
  | 'enrolled-twice'
  | 'queue-unreachable'
  | 'database-unreachable'
  | 'switched-off'
  | 'counting'

/** What an operator should know first. */
export interface Verdict {
  symptom: Symptom
  tone: 'good' | 'busy' | 'warning' | 'bad' | 'neutral'
  headline: string
  details: string[]
  /** What to press, the best first. */
  actions: ('resume' | 'pause' | 'backfill' | 'failures')[]
}

export interface VerdictContext {
  now: Date
  /** How often the fleet reconciles, as the settings tell; 0 for never. */
  reconcileIntervalMs: number
  enabled: boolean
}

/** How old the oldest job must be, and how long nothing may have finished, to be called stuck. */
const STUCK_AFTER_MS = 60_000

/** Puts the state into words: the first of these that holds, the worst first. */
export function verdictOf(state: State, context: VerdictContext): Verdict {
  const facts: Facts = {
    state,
    context,
    depth: state.depth.status === 'known' ? state.depth.value : undefined,
    coverage: lastKnown(state.coverage),
  }
  for (const judge of JUDGES) {
    const verdict = judge(facts)
    if (verdict !== undefined) return verdict
  }
  return everyoneEnrolled(facts)
}

interface Facts {
  state: State
  context: VerdictContext
  depth: Depth | undefined
  coverage: CoverageFacts | undefined
}

type Judge = (facts: Facts) => Verdict | undefined

const JUDGES: readonly Judge[] = [
  queueUnreachable,
  paused,
  switchedOff,
  stuck,
  databaseUnreachable,
  counting,
  noPublishedCourse,
  noWorker,
  waiting,
  missing,
  doubled,
]

function queueUnreachable({ state, coverage }: Facts): Verdict | undefined {
  if (state.depth.status !== 'failed') return undefined
  const both = state.coverage.status === 'failed'
  return {
    symptom: both ? 'database-unreachable' : 'queue-unreachable',
    tone: 'bad',
    headline: both
      ? 'Neither the database nor the queue answers'
      : `The queue does not answer: ${state.depth.reason}`,
    details: [
      ...(both ? [`The queue: ${state.depth.reason}`] : coverageDetail(coverage)),
      'Sign-ups go on. Whoever signs up meanwhile is found in the database and enrolled once the queue is back.',
    ],
    actions: [],
  }
}

function paused({ state, depth, context, coverage }: Facts): Verdict | undefined {
  if (depth?.paused !== true) return undefined
  const by = pausedBy(state)
  return {
    symptom: 'paused',
    tone: 'warning',
    headline:
      by === undefined
        ? 'Paused; by whom and since when was not written down'
        : `Paused by ${by.who} since ${timeInWords(by.at, context.now)}`,
    details: [
      depth.unfinished === 0
        ? 'Nobody is waiting yet. New sign-ups collect in the queue.'
        : `${waitingInWords(depth, context.now)}. New sign-ups collect in the queue.`,
      ...coverageDetail(coverage),
    ],
    actions: ['resume'],
  }
}

function switchedOff({ context, coverage }: Facts): Verdict | undefined {
  if (context.enabled) return undefined
  return {
    symptom: 'switched-off',
    tone: 'warning',
    headline: 'Switched off: AUTO_ENROLL_ENABLED is false',
    details: ['Nothing is published, consumed or reconciled; nobody is lost.', ...coverageDetail(coverage)],
    actions: [],
  }
}

function stuck({ state, depth, context, coverage }: Facts): Verdict | undefined {
  if (depth?.oldestAt === undefined || depth.unfinished === 0) return undefined
  const ageMs = context.now.getTime() - depth.oldestAt.getTime()
  const idleSince = Math.max(
    (depth.lastFinishedAt ?? depth.oldestAt).getTime(),
    setGoingAt(state)?.getTime() ?? 0,
  )
  const idleMs = context.now.getTime() - idleSince
  if (ageMs < STUCK_AFTER_MS || idleMs < STUCK_AFTER_MS) return undefined
  return {
    symptom: depth.workers === 0 ? 'no-worker' : 'stuck',
    tone: 'bad',
    headline: `Stuck: ${count(depth.unfinished, 'user')} waiting, nothing finished for ${durationInWords(Math.min(idleMs, ageMs))}: ${stuckReason(state, depth)}`,
    details: state.coverage.status === 'failed' ? lastCounted(state, context.now) : coverageDetail(coverage),
    actions: depth.failed > 0 ? ['failures'] : [],
  }
}

function stuckReason(state: State, depth: Depth): string {
  if (depth.workers === 0) return 'no worker is connected'
  if (depth.retryingBecause !== undefined) return causeInWords(depth.retryingBecause)
  if (state.coverage.status === 'failed') return databaseInWords(state.coverage)
  if (depth.active > 0) return 'the workers have jobs but do not finish them'
  return 'the workers that are connected take no jobs'
}

function databaseUnreachable({ state, depth, context }: Facts): Verdict | undefined {
  if (state.coverage.status !== 'failed') return undefined
  return {
    symptom: 'database-unreachable',
    tone: 'bad',
    headline: `Who is enrolled cannot be told: ${databaseInWords(state.coverage)}`,
    details: [
      ...(depth === undefined || depth.unfinished === 0 ? [] : [`${waitingInWords(depth, context.now)}.`]),
      ...lastCounted(state, context.now),
      'Jobs are kept and tried again; nobody is lost.',
    ],
    actions: [],
  }
}

function counting({ coverage, depth }: Facts): Verdict | undefined {
  if (coverage !== undefined && depth !== undefined) return undefined
  return {
    symptom: 'counting',
    tone: 'neutral',
    headline: 'Counting who is enrolled …',
    details: [],
    actions: [],
  }
}

function noPublishedCourse({ coverage, depth, context }: Facts): Verdict | undefined {
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

function noWorker({ depth, coverage, context }: Facts): Verdict | undefined {
  if (depth === undefined || depth.workers > 0) return undefined
  const complete = coverage !== undefined && coverage.withoutEnrollment === 0 && depth.unfinished === 0
  return {
    symptom: 'no-worker',
    tone: complete ? 'warning' : 'bad',
    headline: complete
      ? 'Everyone is enrolled, but no worker is connected'
      : depth.unfinished > 0
        ? `${waitingInWords(depth, context.now)}, and no worker is connected`
        : `${count(coverage?.withoutEnrollment ?? 0, 'user')} ${are(coverage?.withoutEnrollment ?? 0)} not enrolled, and no worker is connected`,
    details: [
      ...coverageDetail(coverage),
      'Start one with npm run worker; whoever signs up meanwhile waits.',
    ],
    actions: [],
  }
}

function waiting({ depth, coverage, context }: Facts): Verdict | undefined {
  if (depth === undefined || depth.unfinished === 0) return undefined
  const because = depth.retryingBecause
  return {
    symptom: 'users-are-waiting',
    tone: because === undefined ? 'busy' : 'warning',
    headline: waitingInWords(depth, context.now),
    details: [
      ...(because === undefined ? [] : [retryingInWords(depth, because)]),
      ...coverageDetail(coverage),
    ],
    actions: [],
  }
}

function missing({ state, coverage, context }: Facts): Verdict | undefined {
  if (coverage === undefined || coverage.withoutEnrollment === 0) return undefined
  const failures = lastKnown(state.failures)
  const [worst] = failures?.groups ?? []
  const failedUsers = failures?.usersWithout ?? 0
  return {
    symptom: 'users-are-missing',
    tone: 'bad',
    headline: `${count(coverage.withoutEnrollment, 'user')} ${are(coverage.withoutEnrollment)} not enrolled${
      failedUsers > 0 && worst !== undefined ? `: ${causeInWords(worst.cause)}` : ''
    }`,
    details: [
      ...(failedUsers > 0 ? [`The jobs of ${failedUsers} of them failed for good.`] : []),
      context.reconcileIntervalMs > 0
        ? `The reconciler queues them within ${durationInWords(context.reconcileIntervalMs)}; a backfill does it now.`
        : 'The reconciler is off (RECONCILE_INTERVAL_MS is 0): a backfill queues them.',
      ...coverageDetail(coverage),
    ],
    actions: failedUsers > 0 ? ['failures', 'backfill'] : ['backfill'],
  }
}

function doubled({ coverage }: Facts): Verdict | undefined {
  if (coverage === undefined || coverage.duplicates === 0) return undefined
  return {
    symptom: 'enrolled-twice',
    tone: 'bad',
    headline: `${count(coverage.duplicates, 'enrollment')} ${are(coverage.duplicates)} there twice`,
    details: ['The unique key on "Enrollment" ("userId", "courseId") is missing: npm run doctor tells more.'],
    actions: [],
  }
}

function everyoneEnrolled({ coverage, depth }: Facts): Verdict {
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

function waitingInWords(depth: Depth, now: Date): string {
  const oldest =
    depth.oldestAt === undefined
      ? ''
      : `, oldest ${durationInWords(now.getTime() - depth.oldestAt.getTime())}`
  return `${count(depth.unfinished, 'user')} ${are(depth.unfinished)} waiting${oldest}`
}

function retryingInWords(depth: Depth, because: Cause): string {
  return `${count(depth.delayed, 'job')} ${are(depth.delayed)} being tried again: ${causeInWords(because)}.`
}

function coverageDetail(coverage: CoverageFacts | undefined): string[] {
  if (coverage === undefined || coverage.users === 0) return []
  return [
    `${coverage.withEnrollment.toLocaleString('en')} of ${count(coverage.users, 'user')} ${are(coverage.users)} enrolled.`,
  ]
}

function lastCounted({ coverage }: State, now: Date): string[] {
  if (coverage.status !== 'failed' || coverage.last === undefined) return []
  const { value, readAt } = coverage.last
  return [`Counted ${agoInWords(readAt, now)}: ${coverageDetail(value).join(' ')}`]
}

function databaseInWords({ reason, code }: { reason: string; code?: string }): string {
  return causeInWords({ id: '', message: reason, ...(code === undefined ? {} : { code }) })
}

function are(number: number): string {
  return number === 1 ? 'is' : 'are'
}
