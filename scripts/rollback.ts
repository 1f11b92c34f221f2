import { setTimeout as delay } from 'node:timers/promises'
import { Option } from 'commander'
import { columnsOf } from '../db/columns.js'
import { pauseQueue } from '../db/pause.js'
import { type CourseCount, canTellOwnRows, previewRollback, rollBack } from '../db/rollback.js'
import type { EventQueue } from '../queue/open.js'
import { audited, interruption, operatorName } from './audited.js'
import { type Answer, runCommand, UsageError } from './command.js'
import { timeFlag } from './flags.js'
import { refuseForeign } from './own-queue.js'
import { showProgress } from './progress.js'

const IDLE_TIMEOUT_MS = 5000
const IDLE_POLL_MS = 100

interface Flags {
  since: Date
  until?: Date
  yes?: boolean
}

await runCommand({
  name: 'rollback',
  description:
    'Removes the enrollments that auto-enroll created in a period of time and whose status is unchanged. Enrollments ' +
    'created by hand stay. Shows what it would remove, by course; with --yes it pauses the queue and removes them.',
  needs: ['DATABASE_URL', 'QUEUE_URL'],
  flags: [
    new Option('--since <time>', 'start of the period (ISO 8601; UTC unless it has an offset)')
      .argParser(timeFlag('--since'))
      .makeOptionMandatory(),
    new Option('--until <time>', 'end of the period, which is not part of it')
      .argParser(timeFlag('--until'))
      .default(undefined, 'now'),
    new Option('--yes', 'do it'),
  ],
  async run(context, { since, until = new Date(), yes }: Flags) {
    const { settings, log, database, queue, signal } = context
    if (until <= since) {
      throw new UsageError(`--until (${until.toISOString()}) must be after --since (${since.toISOString()}).`)
    }
    const db = database(settings.DATABASE_URL)
    const columns = await columnsOf(db)
    if (!canTellOwnRows(columns)) {
      throw new Error(
        `"Enrollment"."id" is of type ${columns.Enrollment.get('id')?.type}, which cannot carry auto-enroll's mark, so its rows ` +
          'look like those created by hand, and nothing is removed. If you know which rows are its own, delete them in SQL by "enrolledAt"',
      )
    }
    const window = { since, until, status: settings.ENROLLMENT_STATUS }
    if (!yes) return answer('preview', await previewRollback(db, columns, window), 0, window)

    return audited(context, { action: 'rollback', target: span(window) }, async (progress) => {
      const opened = queue(settings.QUEUE_URL)
      await refuseForeign(db, opened)
      const forgettable = await pauseQueue(db, opened, { who: operatorName(), through: 'command' })
      if (forgettable !== undefined)
        log.warn({ err: forgettable }, 'the pause could not be remembered in the database')
      progress('the queue is paused; nothing removed yet')
      log.info('the queue is paused; npm run resume lets the workers go on')
      const active = await idle(opened, signal)
      if (active > 0)
        log.warn({ active }, 'jobs are still active; if they enroll anyone in the period, run this again')
      const courses = await previewRollback(db, columns, window)
      const bar = showProgress('removing', total(courses), 'enrollments')
      const onProgress = (removed: number) => {
        bar.update(removed)
        progress(`the queue is paused; ${removed} of ${total(courses)} enrollments removed`)
      }
      const batches = rollBack(db, columns, window)
      const { removed, isComplete } = await remove(batches, signal, onProgress).finally(bar.stop)
      return {
        answer: answer(isComplete ? 'done' : 'interrupted', courses, removed, window),
        result: isComplete
          ? `the queue is paused; ${removed} enrollments removed`
          : `${interruption(signal)}; the queue is paused; ${removed} of ${total(courses)} enrollments removed`,
      }
    })
  },
})

/** Removes batch after batch, until none is left or somebody interrupts. */
async function remove(
  batches: AsyncIterator<number>,
  signal: AbortSignal,
  onProgress: (removed: number) => void,
): Promise<{ removed: number; isComplete: boolean }> {
  let removed = 0
  while (!signal.aborted) {
    const batch = await batches.next()
    if (batch.done === true) return { removed, isComplete: true }
    removed = batch.value
    onProgress(removed)
  }
  return { removed, isComplete: false }
}

/** Waits for jobs that were already active when the queue was paused: they may still enroll people in the period. */
async function idle(queue: EventQueue, signal: AbortSignal): Promise<number> {
  const deadline = Date.now() + IDLE_TIMEOUT_MS
  for (;;) {
    const active = await queue.countActive()
    if (active === 0 || Date.now() > deadline || signal.aborted) return active
    await delay(IDLE_POLL_MS)
  }
}

function answer(
  status: 'preview' | 'done' | 'interrupted',
  courses: CourseCount[],
  removed: number,
  window: { since: Date; until: Date },
): Answer {
  const found = total(courses)
  return {
    text: [
      ...courses.map(
        ({ courseId, title, enrollments }) => `${String(enrollments).padStart(9)}  ${title} (${courseId})`,
      ),
      {
        preview:
          `${found} enrollments from ${span(window)} would be removed. ` +
          (found === 0
            ? 'There is nothing to do.'
            : 'Nothing was removed. Run it again with --yes to remove them.'),
        done:
          `${removed} enrollments from ${span(window)} were removed. The queue is paused: users left without any enrollment are ` +
          'enrolled again after npm run resume, unless their courses are unpublished first.',
        interrupted: `Interrupted: ${removed} of ${found} enrollments were removed. Run it again to finish. The queue is paused.`,
      }[status],
    ].join('\n'),
    json: {
      status,
      removed,
      found,
      courses,
      since: window.since,
      until: window.until,
      paused: status !== 'preview',
    },
    exitCode: status === 'interrupted' ? 1 : 0,
  }
}

function span({ since, until }: { since: Date; until: Date }): string {
  return `${since.toISOString()} to ${until.toISOString()}`
}

function total(courses: CourseCount[]): number {
  return courses.reduce((sum, course) => sum + course.enrollments, 0)
}
