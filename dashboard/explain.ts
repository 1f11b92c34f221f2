import type { CourseOfUser, KnownUser } from '../db/explain.js'
import { causeInWords } from '../queue/causes.js'
import type { UserJob } from '../queue/user-jobs.js'
import { count, durationInWords, timeInWords } from './words.js'

/** What is known of one user. */
export interface Explanation {
  user: KnownUser
  courses: CourseOfUser[]
  /** `undefined` while the queue does not answer. */
  jobs: UserJob[] | undefined
  /** One sentence: the state, why, and what happens next. */
  sentence: string
  /** Whether the user has any enrollment. */
  enrolled: boolean
}

export interface ExplainContext {
  now: Date
  paused: boolean | undefined
  /** How often the fleet reconciles; 0 for never. */
  reconcileIntervalMs: number
}

/** Explains whether a user is enrolled, and why. */
export function explain(
  user: KnownUser,
  courses: CourseOfUser[],
  jobs: UserJob[] | undefined,
  context: ExplainContext,
): Explanation {
  const enrolled = courses.some((course) => course.status !== undefined)
  return { user, courses, jobs, enrolled, sentence: sentenceFor(courses, jobs, enrolled, context) }
}

function sentenceFor(
  courses: CourseOfUser[],
  jobs: UserJob[] | undefined,
  enrolled: boolean,
  context: ExplainContext,
): string {
  const published = courses.filter((course) => course.isPublished)
  if (enrolled) return enrolledSentence(courses, published, context)
  if (published.length === 0) return 'Not enrolled: no course is published, so there is nothing to enroll in.'
  return `Not enrolled: ${reason(jobs, context)}`
}

function enrolledSentence(
  courses: CourseOfUser[],
  published: CourseOfUser[],
  { now }: ExplainContext,
): string {
  const has = courses.filter((course) => course.status !== undefined)
  const lacks = published.filter((course) => course.status === undefined)
  const times = has.map((course) => course.enrolledAt?.getTime()).filter((time) => time !== undefined)
  const since = times.length === 0 ? '' : ` since ${timeInWords(new Date(Math.min(...times)), now)}`
  const makers = new Set(has.map((course) => course.madeBy))
  const by =
    makers.size === 1
      ? { 'auto-enroll': ' by auto-enroll', hand: ' by hand', unknown: '' }[[...makers][0] ?? 'unknown']
      : ' partly by hand'
  if (lacks.length === 0)
    return `Enrolled in every published course (${published.length})${since},${by === '' ? ' it cannot be told by whom' : by}.`
  return (
    `Enrolled in ${count(has.length, 'course')}${since}${by}, not in ${lacks
      .map((course) => `“${course.title}”`)
      .slice(0, 3)
      .join(', ')}` +
    `${lacks.length > 3 ? ` and ${lacks.length - 3} more` : ''}: whoever has an enrollment is left as they are, so courses published later are not added by themselves.`
  )
}

function reason(jobs: UserJob[] | undefined, { now, paused, reconcileIntervalMs }: ExplainContext): string {
  const next =
    reconcileIntervalMs > 0
      ? `the reconciler tries again within ${durationInWords(reconcileIntervalMs)}`
      : 'the reconciler is off, so nothing tries again by itself'
  const [latest] = jobs ?? []
  if (jobs === undefined)
    return 'and the queue does not answer, so it cannot be told why; once it is back, the reconciler sees to it.'
  if (latest === undefined)
    return `the queue knows nothing of this user, so the event was never published or is long gone; ${next}.`
  const why = latest.cause === undefined ? '' : `, because ${causeInWords(latest.cause)}`
  switch (latest.state) {
    case 'waiting':
      return paused === true
        ? `queued at ${timeInWords(latest.queuedAt, now)}, but consuming is paused.`
        : `queued at ${timeInWords(latest.queuedAt, now)} and waiting for a worker.`
    case 'active':
      return 'a worker is at it right now.'
    case 'retrying':
      return `the job failed ${times(latest.attempts)}${why}; the next attempt is ${
        latest.nextAttemptAt === undefined || latest.nextAttemptAt <= now
          ? 'due'
          : `in ${durationInWords(latest.nextAttemptAt.getTime() - now.getTime())}`
      }.`
    case 'failed':
      return `the job failed ${times(latest.attempts)}, last at ${timeInWords(latest.finishedAt ?? latest.queuedAt, now)}${why}; ${next}.`
    case 'completed':
      return `the job of ${timeInWords(latest.finishedAt ?? latest.queuedAt, now)} ended with “${latest.outcome ?? 'completed'}”; ${next}.`
  }
}

function times(number: number): string {
  return number === 1 ? 'once' : `${number} times`
}

/** An explanation for a terminal. */
export function explanationText({ user, courses, jobs, sentence }: Explanation): string {
  return [
    sentence,
    '',
    `user     ${user.id}  ${user.email}${user.createdAt === undefined ? '' : `, signed up ${user.createdAt.toISOString()}`}`,
    ...courses.map(courseLine),
    ...(jobs === undefined
      ? ['jobs     the queue does not answer']
      : jobs.length === 0
        ? ['jobs     none in the queue']
        : jobs.map(jobLine)),
  ].join('\n')
}

function courseLine({ title, isPublished, status, enrolledAt, madeBy }: CourseOfUser): string {
  const maker = { 'auto-enroll': ', by auto-enroll', hand: ', by hand', unknown: '' }[madeBy ?? 'unknown']
  const since = enrolledAt === undefined ? '' : ` since ${enrolledAt.toISOString()}`
  const draft = isPublished ? '' : ' (not published)'
  return `course   ${status === undefined ? '✗' : '✓'} ${title}${draft}${status === undefined ? '' : `: ${status}${since}${maker}`}`
}

function jobLine({ jobId, state, outcome, source, queuedAt, attempts, maxAttempts, cause }: UserJob): string {
  const error = cause === undefined ? '' : `, last error: ${causeInWords(cause)}`
  return `job      ${jobId}  ${outcome ?? state}, from ${source} at ${queuedAt.toISOString()}, ${attempts} of ${maxAttempts} attempts${error}`
}
