import type { CourseOfUser, KnownUser } from '../db/explain.js'
import { causeInWords } from '../queue/causes.js'
import { nextRoundBy } from '../queue/recurrence.js'
import type { UserJob } from '../queue/user-jobs.js'
import { type Circumstances, nextRoundInWords, nextTryInWords, standstill } from './next-try.js'
import { count, timeInWords } from './words.js'

/** What is known of one user. */
export interface Explanation {
  user: KnownUser
  courses: CourseOfUser[]
  /** The latest first; `undefined` while the queue does not respond. */
  jobs: UserJob[] | undefined
  /** One sentence: the state, why, and what happens next. */
  sentence: string
  /** Whether the user has any enrollment. */
  enrolled: boolean
}

/** What the explanation is derived from. */
export interface Evidence {
  user: KnownUser
  courses: CourseOfUser[]
  jobs: UserJob[] | undefined
  /** Whether the queue counts an event of the user as unfinished that it no longer holds. */
  hasLostEvent: boolean
}

/** Explains whether a user is enrolled, and why. */
export function explain(evidence: Evidence, circumstances: Circumstances): Explanation {
  const { user, courses, jobs } = evidence
  const enrolled = courses.some((course) => course.status !== undefined)
  return { user, courses, jobs, enrolled, sentence: sentenceFor(evidence, enrolled, circumstances) }
}

function sentenceFor(evidence: Evidence, enrolled: boolean, circumstances: Circumstances): string {
  const published = evidence.courses.filter((course) => course.isPublished)
  if (enrolled) return enrolledSentence(evidence, published, circumstances)
  if (published.length === 0) return 'Not enrolled: no course is published, so there is nothing to enroll in.'
  return `Not enrolled: ${reason(evidence, circumstances)}.`
}

const TITLES_NAMED = 3

function enrolledSentence(
  evidence: Evidence,
  published: readonly CourseOfUser[],
  circumstances: Circumstances,
): string {
  const has = evidence.courses.filter((course) => course.status !== undefined)
  const lacks = published.filter((course) => course.status === undefined)
  const by = makerInWords(has)
  if (lacks.length === 0) {
    const maker = by === '' ? ' by whom is not known' : by
    return `Enrolled in every published course (${published.length.toLocaleString('en')})${sinceInWords(has, circumstances)},${maker}.`
  }
  const named = lacks.slice(0, TITLES_NAMED).map((course) => `“${course.title}”`)
  const more = lacks.length > TITLES_NAMED ? ` and ${lacks.length - TITLES_NAMED} more` : ''
  return `Enrolled in ${count(has.length, 'course')}${sinceInWords(has, circumstances)}${by}, not in ${named.join(', ')}${more}: ${whyNotAll(evidence, circumstances)}.`
}

function sinceInWords(has: readonly CourseOfUser[], { now }: Circumstances): string {
  const times = has.map((course) => course.enrolledAt?.getTime()).filter((time) => time !== undefined)
  return times.length === 0 ? '' : ` since ${timeInWords(new Date(Math.min(...times)), now)}`
}

function makerInWords(has: readonly CourseOfUser[]): string {
  const [maker, ...others] = new Set(has.map((course) => course.madeBy))
  if (others.length > 0) return ' partly by hand'
  return { 'auto-enroll': ' by auto-enroll', hand: ' by hand', unknown: '' }[maker ?? 'unknown']
}

function whyNotAll(evidence: Evidence, circumstances: Circumstances): string {
  const [latest] = evidence.jobs ?? []
  const isUnfinished = latest !== undefined && UNFINISHED.has(latest.state)
  return isUnfinished
    ? jobInWords(latest, evidence, circumstances)
    : 'users who have an enrollment are left as they are, so courses published later are not added by themselves'
}

const UNFINISHED: ReadonlySet<UserJob['state']> = new Set(['waiting', 'retrying', 'active'])

function reason(evidence: Evidence, circumstances: Circumstances): string {
  const { jobs, hasLostEvent } = evidence
  if (jobs === undefined)
    return 'and the queue does not respond, so the reason is not known; once it is back, the reconciler queues the user'
  if (hasLostEvent)
    return `an event was queued, but the queue no longer holds it: it has lost a part of its data; ${nextRound([], circumstances)}`
  const [latest] = jobs
  return latest === undefined
    ? `the queue has no job of this user, so the event was never published or was removed since; ${nextRound([], circumstances)}`
    : jobInWords(latest, evidence, circumstances)
}

function jobInWords(job: UserJob, { jobs }: Evidence, circumstances: Circumstances): string {
  const { now } = circumstances
  const why = job.cause === undefined ? '' : `, because ${causeInWords(job.cause)}`
  const finished = timeInWords(job.finishedAt ?? job.queuedAt, now)
  switch (job.state) {
    case 'waiting':
      return `queued at ${timeInWords(job.queuedAt, now)}${waitingFor(circumstances)}`
    case 'active':
      return `a worker is working on it${job.heldBecause === undefined ? ' right now' : `, and waits because ${causeInWords(job.heldBecause)}`}`
    case 'retrying':
      return `the job failed ${times(job.attempts)}${why}; ${nextTryInWords(job.nextAttemptAt ?? now, circumstances)}`
    case 'failed':
      return `the job failed ${times(job.attempts)}, last at ${finished}${why}; ${nextRound(jobs ?? [], circumstances)}`
    case 'completed':
      return `the job of ${finished} ended with “${job.outcome ?? 'completed'}”; ${nextRound(jobs ?? [], circumstances)}`
  }
}

function waitingFor(circumstances: Circumstances): string {
  const stopped = standstill(circumstances)
  return stopped.length > 0 ? `, but ${stopped.join(' and ')}` : ` and waiting for a worker`
}

function nextRound(jobs: readonly UserJob[], circumstances: Circumstances): string {
  const by = nextRoundBy(jobs, circumstances.reconcileIntervalMs, circumstances.now)
  return nextRoundInWords(by, circumstances, jobs.length === 0 ? 'the user' : 'the user again')
}

function times(number: number): string {
  return number === 1 ? 'once' : `${number} times`
}

/** Courses that are listed; the sentence is about all of them. */
export const COURSES_LISTED = 200

/** An explanation for a terminal. */
export function explanationText({ user, courses, jobs, sentence }: Explanation): string {
  const more = courses.length - COURSES_LISTED
  const signedUp = user.createdAt === undefined ? '' : `, signed up ${user.createdAt.toISOString()}`
  return [
    sentence,
    '',
    `user     ${user.id}  ${user.email}${signedUp}`,
    ...courses.slice(0, COURSES_LISTED).map(courseLine),
    ...(more > 0
      ? [
          `         and ${more.toLocaleString('en')} more of ${count(courses.length, 'course')}, ${lackedOf(courses)}`,
        ]
      : []),
    ...jobLines(jobs),
  ].join('\n')
}

/** Says of the courses that are not listed how many the user lacks. */
export function lackedOf(courses: readonly CourseOfUser[]): string {
  const lacked = courses.slice(COURSES_LISTED).filter(({ status }) => status === undefined).length
  return `without an enrollment in ${lacked.toLocaleString('en')} of them`
}

function courseLine({ title, isPublished, status, enrolledAt, madeBy }: CourseOfUser): string {
  const draft = isPublished ? '' : ' (not published)'
  if (status === undefined) return `course   ✗ ${title}${draft}`
  const maker = { 'auto-enroll': ', by auto-enroll', hand: ', by hand', unknown: '' }[madeBy ?? 'unknown']
  const since = enrolledAt === undefined ? '' : ` since ${enrolledAt.toISOString()}`
  return `course   ✓ ${title}${draft}: ${status}${since}${maker}`
}

function jobLines(jobs: readonly UserJob[] | undefined): string[] {
  if (jobs === undefined) return ['jobs     the queue does not respond']
  return jobs.length === 0 ? ['jobs     none in the queue'] : jobs.map(jobLine)
}

function jobLine({ jobId, state, outcome, source, queuedAt, attempts, maxAttempts, cause }: UserJob): string {
  const error = cause === undefined ? '' : `, last error: ${causeInWords(cause)}`
  return `job      ${jobId}  ${outcome ?? state}, from ${source} at ${queuedAt.toISOString()}, ${attempts} of ${maxAttempts} attempts${error}`
}
