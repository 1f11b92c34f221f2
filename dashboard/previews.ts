import { columnsOf } from '../db/columns.js'
import { countPublishedCourses } from '../db/courses.js'
import { countUsersWithoutEnrollment, usersWithoutEnrollment } from '../db/users.js'
import { causeInWords } from '../queue/causes.js'
import { RATE_LIMIT_RECHECK_MS, readLimits } from '../queue/limits.js'
import type { DashboardContext } from './context.js'
import type { Explanation } from './explain.js'
import { lastKnown } from './fresh.js'
import { isPaused, limitInWords, standstill } from './next-try.js'
import type { Preview } from './small-pages.js'
import { count, durationInWords } from './words.js'

const EXAMPLES_SHOWN = 20

export async function pausePreview({ queue }: DashboardContext): Promise<Preview> {
  if (isPaused(await readLimits(queue)))
    return { title: 'Already paused', sentences: ['Nothing is consumed at present.'] }
  return {
    title: 'Pause?',
    sentences: [
      'Every worker finishes its active jobs and takes no more. Sign-ups continue, and their events collect in the queue.',
      `${count(await queue.countUnfinished(), 'job')} in the queue would wait until somebody resumes.`,
    ],
    confirm: { action: '/pause', label: 'Pause' },
  }
}

export async function resumePreview({ queue }: DashboardContext): Promise<Preview> {
  const { paused, partitions } = await readLimits(queue)
  if (paused === 0) return { title: 'Not paused', sentences: ['The workers are consuming.'] }
  return {
    title: 'Resume?',
    sentences: [
      ...(paused < partitions ? [`${paused} of ${partitions} partitions of the queue are paused.`] : []),
      `The workers continue with ${count(await queue.countUnfinished(), 'job')} in the queue.`,
    ],
    confirm: { action: '/resume', label: 'Resume' },
  }
}

/** What removing the queue's limits would do. */
export async function limitsPreview({ queue }: DashboardContext): Promise<Preview> {
  const limit = limitInWords(await readLimits(queue))
  if (limit === undefined) return { title: 'No limit', sentences: ['The queue has no limit to remove.'] }
  return {
    title: 'Remove the limit?',
    sentences: [
      `At present ${limit}.`,
      `Without it, workers start as many jobs as their own settings allow. Workers that wait for the limit notice within ${durationInWords(RATE_LIMIT_RECHECK_MS)}.`,
    ],
    confirm: { action: '/limits', label: 'Remove the limit' },
  }
}

/** Shows who a backfill would enroll in how many courses. */
export async function backfillPreview({ db, queue, reader, settings }: DashboardContext): Promise<Preview> {
  const columns = await columnsOf(db)
  const courses = await countPublishedCourses(db)
  if (courses === 0) {
    return {
      title: 'Nothing to enroll in',
      sentences: ['No course is published, so a backfill would queue nobody.'],
    }
  }
  const users = await countUsersWithoutEnrollment(db)
  if (users === 0) return { title: 'Nobody to backfill', sentences: ['Everyone has an enrollment.'] }
  const page = await usersWithoutEnrollment(db, columns, EXAMPLES_SHOWN).next()
  const first = page.done === true ? [] : page.value
  const state = await reader.read()
  const stopped = standstill({
    ...settings,
    now: new Date(),
    limits: await readLimits(queue),
    workers: lastKnown(state.depth)?.workers,
    databaseTrouble: undefined,
    otherDatabase: lastKnown(state.foreignOwner)?.name,
  })
  const failed = lastKnown(state.failures)?.without?.size ?? 0
  return {
    title: `Backfill ${count(users, 'user')}?`,
    sentences: [
      `${count(users, 'user')} without an enrollment would be queued and enrolled in ${count(courses, 'published course')} each: ${count(users * courses, 'enrollment')}.`,
      'Sign-ups overtake them. Running it twice does no harm.',
      ...(failed === 0
        ? []
        : [
            `The jobs of ${count(failed, 'user')} of them failed for good, and will fail again unless the cause is gone.`,
          ]),
      ...stopped.map((clause) => `They wait while ${clause}.`),
      users > first.length ? `The first ${first.length} of them:` : 'They are:',
    ],
    examples: first.map((user) => `${user.email} (${user.id})`),
    confirm: { action: '/backfill', label: `Backfill ${count(users, 'user')}` },
  }
}

/** What retrying would put back: all failed jobs, or those of one cause. */
export async function retryPreview(
  { reader }: DashboardContext,
  causeId: string | undefined,
): Promise<Preview & { jobs: number }> {
  const failures = lastKnown((await reader.read()).failures)
  if (failures === undefined) throw new Error('the failed jobs are not read yet; try again in a moment')
  const groups = failures.groups.filter(({ cause }) => causeId === undefined || cause.id === causeId)
  const concerned = failures.jobs.filter((job) => causeId === undefined || job.cause.id === causeId)
  const jobs = concerned.length
  if (jobs === 0)
    return { jobs, title: 'Nothing to retry', sentences: ['No failed job has this cause any more.'] }
  const users = new Set(concerned.map((job) => job.userId)).size
  return {
    jobs,
    title: `Retry ${count(jobs, 'failed job')}?`,
    sentences: [
      `They belong to ${count(users, 'user')} and are put back with all their attempts, at most 500 a second. Users who are enrolled by now are left as they are.`,
      'Retrying helps once the cause is gone; until then they fail again.',
    ],
    examples: groups
      .slice(0, EXAMPLES_SHOWN)
      .map((group) => `${count(group.jobs, 'job')}: ${causeInWords(group.cause)}`),
    confirm: {
      action: '/retry',
      label: `Retry ${count(jobs, 'job')}`,
      fields: causeId === undefined ? {} : { cause: causeId },
    },
  }
}

export function enrollPreview({ user, courses }: Explanation): Preview {
  const missing = courses.filter((course) => course.isPublished && course.status === undefined)
  if (missing.length === 0) {
    return { title: 'Nothing to do', sentences: [`${user.email} is enrolled in every published course.`] }
  }
  const more = missing.length - EXAMPLES_SHOWN
  return {
    title: `Enroll ${user.email} now?`,
    sentences: [
      `An event is queued ahead of every backlog, and a worker enrolls the user in ${count(missing.length, 'course')}:`,
    ],
    examples: [
      ...missing.slice(0, EXAMPLES_SHOWN).map((course) => course.title),
      ...(more > 0 ? [`and ${more} more`] : []),
    ],
    confirm: { action: '/enroll', label: 'Enroll now', fields: { user: user.id } },
  }
}
