import { Option } from 'commander'
import { columnsOf } from '../db/columns.js'
import { countPublishedCourses } from '../db/courses.js'
import type { Database } from '../db/schema.js'
import { countUsersWithoutEnrollment, usersWithoutEnrollment } from '../db/users.js'
import type { EventQueue } from '../queue/open.js'
import { DEFAULT_MAX_PENDING, queueMissingUsers } from '../worker/reconcile.js'
import { type Answer, runCommand } from './command.js'
import { integerFlag } from './flags.js'
import { showProgress } from './progress.js'

const SHOWN_USERS = 20

await runCommand({
  name: 'backfill',
  description:
    'Queues one job for each user who has no enrollment at all. Interrupted at any point, it can be run again; ' +
    'sign-ups overtake it.',
  needs: ['DATABASE_URL', 'QUEUE_URL'],
  flags: [
    new Option('--dry-run', 'show who would be enrolled in how many courses, and queue nothing'),
    new Option(
      '--max-pending <jobs>',
      'unfinished jobs that the queue may hold; above it, wait for the workers',
    )
      .argParser(integerFlag('--max-pending', 1))
      .default(DEFAULT_MAX_PENDING),
  ],
  async run({ settings, database, queue, signal }, flags: { dryRun?: boolean; maxPending: number }) {
    const db = database(settings.DATABASE_URL)
    await columnsOf(db)
    const publishedCourses = await countPublishedCourses(db)
    if (publishedCourses === 0) return nothingPublished(flags.dryRun === true)
    if (flags.dryRun) return preview(db, publishedCourses)
    return backfill(db, queue(settings.QUEUE_URL), publishedCourses, flags.maxPending, signal)
  },
})

function nothingPublished(dryRun: boolean): Answer {
  return {
    text: 'No course is published, so there is nothing to enroll anyone in. Nobody was queued.',
    json: { dryRun, users: 0, queued: 0, publishedCourses: 0, enrollments: 0 },
  }
}

async function preview(db: Database, publishedCourses: number): Promise<Answer> {
  const users = await countUsersWithoutEnrollment(db)
  const shown = await firstPage(usersWithoutEnrollment(db, await columnsOf(db), SHOWN_USERS))
  const enrollments = users * publishedCourses
  return {
    text: [
      ...shown.map(({ id, email }) => `would enroll ${email} (${id}) in ${publishedCourses} courses`),
      ...(users > shown.length ? [`… and ${users - shown.length} more`] : []),
      `${users} users would be enrolled in ${publishedCourses} courses each: ${enrollments} enrollments. Nothing was queued.`,
    ].join('\n'),
    json: { dryRun: true, users, queued: 0, publishedCourses, enrollments, first: shown },
  }
}

async function firstPage<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  for await (const page of pages) return page
  return []
}

async function backfill(
  db: Database,
  queue: EventQueue,
  publishedCourses: number,
  maxPending: number,
  signal: AbortSignal,
): Promise<Answer> {
  const paused = await queue.isPaused()
  const progress = showProgress('queueing', await countUsersWithoutEnrollment(db), 'users')
  const { users, queued } = await queueMissingUsers({
    db,
    queue,
    source: 'backfill',
    maxPending,
    signal,
    onProgress: (refilled) => progress.update(refilled.users),
  }).finally(progress.stop)
  return {
    text: [
      users === 0
        ? 'Everyone has an enrollment; nobody was queued.'
        : `${queued} users were queued to be enrolled in ${publishedCourses} courses each` +
          `${users > queued ? `; ${users - queued} were queued already` : ''}.`,
      ...(paused && users > 0 ? ['The queue is paused: npm run resume lets the workers begin.'] : []),
    ].join('\n'),
    json: { dryRun: false, users, queued, publishedCourses, enrollments: users * publishedCourses, paused },
  }
}
