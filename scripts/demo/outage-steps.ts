import { hashPassword } from '../../producers/password.js'
import { signUp } from '../../producers/sign-up.js'
import { jobsOfUser } from '../../queue/user-jobs.js'
import { NEWCOMER_IN_OUTAGE } from './cast.js'
import { countEnrollmentsOf } from './roster.js'
import type { Stage } from './stage.js'
import type { Step } from './step.js'
import { enrolled, inCourses, refused } from './visitor-steps.js'

/** The page, the worker and the relay share the event loop that measures the time. */
const MEASURING_SLACK_MS = 50

const stopped: Step = {
  name: 'Queue down',
  about: `The queue refuses every connection while ${NEWCOMER_IN_OUTAGE.name} signs up.`,
  async run(stage) {
    await stage.relay.cut()
    const times = { hashing: 0, publishing: 0 }
    const startedAt = performance.now()
    const result = await signUp(
      {
        db: stage.db,
        hashPassword: (password) => timed(times, 'hashing', () => hashPassword(password)),
        publisher: { publish: (event) => timed(times, 'publishing', () => stage.publisher.publish(event)) },
      },
      NEWCOMER_IN_OUTAGE,
    )
    const tookMs = Math.round(performance.now() - startedAt)
    if (result.status !== 'created') return refused(`${NEWCOMER_IN_OUTAGE.email}: ${result.status}`)
    const enrollments = await countEnrollmentsOf(stage.db, result.userId)
    const limitMs = stage.settings.PUBLISH_TIMEOUT_MS
    return {
      ok:
        result.publish.status === 'deferred' &&
        enrollments === 0 &&
        times.publishing <= limitMs + MEASURING_SLACK_MS,
      text:
        `${NEWCOMER_IN_OUTAGE.name} still signed up in ${tookMs} ms (hashing ${times.hashing}, publishing ` +
        `${times.publishing} of at most ${limitMs}): ${result.publish.status}`,
      facts: { userId: result.userId, publish: result.publish.status, tookMs, ...times, enrollments },
    }
  },
}

const recovery: Step = {
  name: 'Recovery',
  about: 'The queue is back, and the reconciler looks in the database for users who have no enrollment.',
  async run(stage, signal) {
    await stage.relay.restore()
    const userId = await idOf(stage, NEWCOMER_IN_OUTAGE.email)
    if (userId === undefined) return refused(`there is no user ${NEWCOMER_IN_OUTAGE.email}`)
    const afterMs = await enrolled(stage, userId, signal)
    const [job] = (await jobsOfUser(stage.queue, userId, [])).jobs
    return {
      ok: afterMs !== undefined,
      text: `the queue is back, ${job?.source === 'reconcile' ? 'the reconciler found her' : `her job came from ${job?.source}`}: ${inCourses(afterMs)}`,
      facts: { userId, source: job?.source, enrolledAfterMs: afterMs },
    }
  },
}

/** What happens while the queue is down, and after. */
export const outageSteps: readonly Step[] = [stopped, recovery]

async function timed<Name extends string, T>(
  times: Record<Name, number>,
  name: Name,
  work: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now()
  try {
    return await work()
  } finally {
    times[name] = Math.round(performance.now() - startedAt)
  }
}

async function idOf({ db }: Stage, email: string): Promise<string | undefined> {
  return (await db.selectFrom('User').select('id').where('email', '=', email).executeTakeFirst())?.id
}
