import { signInWithGoogle } from '../../producers/google.js'
import { signUp } from '../../producers/sign-up.js'
import { COURSES, GOOGLE_PROFILES, NEWCOMER } from './cast.js'
import { countEnrollmentsOf } from './roster.js'
import type { Stage } from './stage.js'
import { PATIENCE_MS, type Seen, type Step } from './step.js'
import { until } from './until.js'

const PUBLISHED = COURSES.filter((course) => course.isPublished).length

const credentials: Step = {
  name: 'Sign-up',
  about: `${NEWCOMER.name} signs up with a password, as the form on the page does.`,
  async run(stage, signal) {
    const startedAt = performance.now()
    const result = await signUp(stage, NEWCOMER)
    const tookMs = Math.round(performance.now() - startedAt)
    if (result.status !== 'created') return refused(`${NEWCOMER.email}: ${result.status}`)
    const afterMs = await enrolled(stage, result.userId, signal)
    return {
      ok: afterMs !== undefined,
      text: `${NEWCOMER.name} signed up in ${tookMs} ms: ${result.publish.status}, ${inCourses(afterMs)}`,
      facts: { userId: result.userId, publish: result.publish.status, tookMs, enrolledAfterMs: afterMs },
    }
  },
}

const { margaret } = GOOGLE_PROFILES

const firstSignIn: Step = {
  name: 'Google, new',
  about: `${margaret.name} continues with Google for the first time.`,
  async run(stage, signal) {
    const result = await signInWithGoogle(stage, { profile: margaret })
    if (result.status === 'refused') return refused(`${margaret.email}: ${result.reason}`)
    const afterMs = await enrolled(stage, result.userId, signal)
    return {
      ok: result.isNew && result.publish !== undefined && afterMs !== undefined,
      text: `${margaret.name} is new: ${result.publish?.status ?? 'not published'}, ${inCourses(afterMs)}`,
      facts: {
        userId: result.userId,
        isNew: result.isNew,
        publish: result.publish?.status,
        enrolledAfterMs: afterMs,
      },
    }
  },
}

const returning: Step = {
  name: 'Google, again',
  about: `${margaret.name} comes back. She has her courses, so nothing is published.`,
  async run(stage) {
    const jobsBefore = await countJobs(stage)
    const result = await signInWithGoogle(stage, { profile: margaret })
    if (result.status === 'refused') return refused(`${margaret.email}: ${result.reason}`)
    const newJobs = (await countJobs(stage)) - jobsBefore
    const enrollments = await countEnrollmentsOf(stage.db, result.userId)
    return {
      ok: !result.isNew && result.publish === undefined && enrollments === PUBLISHED,
      text: `${margaret.name} is back: nothing to publish, still ${enrollments} enrollments, no duplicates`,
      facts: { userId: result.userId, isNew: result.isNew, newJobs, enrollments },
    }
  },
}

/** People who sign up or sign in on the page. */
export const visitorSteps: readonly Step[] = [credentials, firstSignIn, returning]

/** Resolves with how many milliseconds it took until the user was in every published course. */
export function enrolled(stage: Stage, userId: string, signal: AbortSignal): Promise<number | undefined> {
  const isEnrolled = async () => (await countEnrollmentsOf(stage.db, userId)) === PUBLISHED
  return until(isEnrolled, PATIENCE_MS, signal)
}

export function inCourses(afterMs: number | undefined): string {
  return afterMs === undefined
    ? `not enrolled after ${PATIENCE_MS / 1000} s`
    : `enrolled in ${PUBLISHED} courses ${afterMs} ms later`
}

export function refused(reason: string): Seen {
  return { ok: false, text: `refused: ${reason}`, facts: { reason } }
}

async function countJobs({ queue }: Stage): Promise<number> {
  const counts = await queue.bull().getJobCounts()
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
