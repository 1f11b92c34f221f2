import { safeError } from '../config/safe-error.js'
import { resumeQueue } from '../db/pause.js'
import { audited } from './audited.js'
import { type Answer, EXIT_FAILED, runCommand } from './command.js'
import { refuseForeign } from './own-queue.js'

await runCommand({
  name: 'resume',
  description: 'Lets the workers consume again after npm run pause.',
  needs: ['QUEUE_URL'],
  async run(context) {
    const { settings, database } = context
    const queue = context.queue(settings.QUEUE_URL)
    const db = settings.DATABASE_URL === undefined ? undefined : database(settings.DATABASE_URL)
    await refuseForeign(db, queue)
    return audited(context, { action: 'resume' }, async () => {
      const remembered =
        db === undefined ? new Error('DATABASE_URL is not set') : await resumeQueue(db, queue)
      if (db === undefined) await queue.resume()
      const unfinished = await queue.countUnfinished()
      const result = `resumed; ${unfinished} unfinished jobs`
      return remembered === undefined
        ? {
            answer: {
              text: `Resumed. ${unfinished} unfinished jobs to do.`,
              json: { paused: false, unfinished },
            },
            result,
          }
        : {
            answer: resumedForNow(unfinished, remembered),
            result: `${result}; the pause is still remembered`,
          }
    })
  },
})

function resumedForNow(unfinished: number, failure: unknown): Answer {
  return {
    text:
      `Resumed, but the database could not be written (${safeError(failure).message}). If the pause is remembered ` +
      'there, the workers pause again: repeat npm run resume once the database can be written.',
    json: { paused: false, unfinished, forgotten: false },
    exitCode: EXIT_FAILED,
  }
}
