import { Option } from 'commander'
import { keepHeapSmall } from '../config/heap.js'
import type { Logger } from '../config/log.js'
import type { Settings } from '../config/settings.js'
import { columnsOf } from '../db/columns.js'
import { countPublishedCourses } from '../db/courses.js'
import type { Database } from '../db/schema.js'
import { countUsersWithoutEnrollment, usersWithoutEnrollment } from '../db/users.js'
import type { EventQueue } from '../queue/open.js'
import type { Refilled } from '../queue/refill.js'
import { DEFAULT_MAX_PENDING, queueMissingUsers } from '../worker/reconcile.js'
import { audited, interruption } from './audited.js'
import { type Answer, EXIT_FAILED, runCommand } from './command.js'
import { holdUps } from './doctor/flow.js'
import { readFlow } from './doctor/read-flow.js'
import { integerFlag } from './flags.js'
import { refuseForeign } from './own-queue.js'
import { showProgress } from './progress.js'

const SHOWN_USERS = 20

await runCommand({
  name: 'backfill',
  description:
    'Queues one job for each user who has no enrollment at all. It can be interrupted and run again; sign-ups go first.',
  needs: ['DATABASE_URL', 'QUEUE_URL'],
  flags: [
    new Option('--dry-run', 'show who would be enrolled in how many courses, and queue nothing'),
    new Option(
      '--max-pending <jobs>',
      'unfinished jobs that the queue may hold; when it is full, wait for the workers',
    )
      .argParser(integerFlag('--max-pending', 1))
      .default(DEFAULT_MAX_PENDING),
  ],
  async run(context, flags: { dryRun?: boolean; maxPending: number }) {
    const { settings, log, database, queue, signal } = context
    const db = database(settings.DATABASE_URL)
    await columnsOf(db)
    const publishedCourses = await countPublishedCourses(db)
    if (publishedCourses === 0) return nothingPublished(flags.dryRun === true)
    if (flags.dryRun) return preview(db, publishedCourses)
    keepHeapSmall()
    const opened = queue(settings.QUEUE_URL)
    await refuseForeign(db, opened)
    // Fails here, before anything is shown, if the queue is away.
    await opened.isPaused()
    const options = {
      settings,
      log,
      db,
      queue: opened,
      publishedCourses,
      maxPending: flags.maxPending,
      signal,
    }
    return audited(context, { action: 'backfill' }, (soFar) => backfill({ ...options, soFar }))
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

interface BackfillOptions {
  settings: Settings
  log: Logger
  db: Database
  queue: EventQueue
  publishedCourses: number
  maxPending: number
  signal: AbortSignal
  /** Remembers how far it is. */
  soFar: (words: string) => void
}

async function backfill({
  settings,
  log,
  publishedCourses,
  soFar,
  ...options
}: BackfillOptions): Promise<{ answer: Answer; result: string }> {
  const { queue, maxPending } = options
  const readHoldUps = async () => readFlow({ settings, db: undefined, queue })
  for (const sentence of holdUps(await readHoldUps())) log.warn(sentence)
  const progress = showProgress('queueing', await countUsersWithoutEnrollment(options.db), 'users')
  let done: Refilled = { users: 0, queued: 0 }
  let isInterrupted = false
  let isFull = false
  try {
    done = await queueMissingUsers({
      ...options,
      source: 'backfill',
      onProgress(refilled) {
        done = refilled
        progress.update(refilled.users)
        soFar(resultOf(refilled))
      },
      onFull() {
        if (!isFull) log.info({ maxPending }, 'the queue is full; waiting for the workers')
        isFull = true
        progress.wait('the queue is full: waiting for the workers')
      },
    })
  } catch (error) {
    if (!options.signal.aborted) throw error
    isInterrupted = true
  } finally {
    progress.stop()
  }
  const flow = await readHoldUps()
  const answer = {
    text: [
      summary(done, publishedCourses),
      ...(isInterrupted ? ['Interrupted; run it again to queue the others.'] : []),
      ...(done.users > 0 ? holdUps(flow) : []),
    ].join('\n'),
    json: {
      dryRun: false,
      ...done,
      publishedCourses,
      enrollments: done.users * publishedCourses,
      paused: flow.paused ?? null,
      workers: flow.workers ?? null,
      interrupted: isInterrupted,
    },
    exitCode: isInterrupted ? EXIT_FAILED : 0,
  }
  return { answer, result: `${isInterrupted ? `${interruption(options.signal)}; ` : ''}${resultOf(done)}` }
}

function resultOf({ users, queued }: Refilled): string {
  return `${queued} users were queued${users > queued ? `, ${users - queued} were queued already` : ''}`
}

function summary({ users, queued }: Refilled, publishedCourses: number): string {
  if (users === 0) return 'Nobody was queued.'
  const before = users > queued ? `; ${users - queued} were queued already` : ''
  return `${queued} users were queued to be enrolled in ${publishedCourses} courses each${before}.`
}
