import { columnsOf } from '../db/columns.js'
import { countPublishedCourses } from '../db/courses.js'
import { countUsersWithoutEnrollment, usersWithoutEnrollment } from '../db/users.js'
import { causeInWords } from '../queue/causes.js'
import type { DashboardContext } from './context.js'
import type { Explanation } from './explain.js'
import { lastKnown } from './fresh.js'
import type { Preview } from './small-pages.js'
import { count } from './words.js'

const EXAMPLES_SHOWN = 20

export async function pausePreview({ queue }: DashboardContext): Promise<Preview> {
  if (await queue.isPaused())
    return { title: 'Paused already', sentences: ['Nothing is consumed at present.'] }
  return {
    title: 'Pause?',
    sentences: [
      'Every worker finishes what it is doing and takes nothing more. Sign-ups go on; their events collect in the queue.',
      `${count(await queue.countUnfinished(), 'user')} in the queue would wait until somebody resumes.`,
    ],
    confirm: { action: '/pause', label: 'Pause' },
  }
}

export async function resumePreview({ queue }: DashboardContext): Promise<Preview> {
  if (!(await queue.isPaused())) return { title: 'Not paused', sentences: ['The workers are consuming.'] }
  return {
    title: 'Resume?',
    sentences: [`The workers begin with ${count(await queue.countUnfinished(), 'user')} in the queue.`],
    confirm: { action: '/resume', label: 'Resume' },
  }
}

/** The dry run of a backfill: who would be enrolled in how many courses. */
export async function backfillPreview({ db, queue }: DashboardContext): Promise<Preview> {
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
  return {
    title: `Backfill ${count(users, 'user')}?`,
    sentences: [
      `${count(users, 'user')} without an enrollment would be queued and enrolled in ${count(courses, 'published course')} each: ${count(users * courses, 'enrollment')}.`,
      'Sign-ups overtake them. Running it twice does no harm.',
      ...((await queue.isPaused()) ? ['Consuming is paused: they wait until somebody resumes.'] : []),
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
  const jobs = groups.reduce((sum, group) => sum + group.jobs, 0)
  if (jobs === 0)
    return { jobs, title: 'Nothing to retry', sentences: ['No failed job has this cause any more.'] }
  return {
    jobs,
    title: `Retry ${count(jobs, 'failed job')}?`,
    sentences: [
      'They are put back with all their attempts, at most 500 a second. Whoever is enrolled by now is left as they are.',
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
  return {
    title: `Enroll ${user.email} now?`,
    sentences: [
      `An event is queued before every backlog, and a worker enrolls the user in ${count(missing.length, 'course')}:`,
    ],
    examples: missing.slice(0, EXAMPLES_SHOWN).map((course) => course.title),
    confirm: { action: '/enroll', label: 'Enroll now', fields: { user: user.id } },
  }
}
