import { safeError } from '../config/safe-error.js'
import { pauseQueue } from '../db/pause.js'
import { audited, operatorName } from './audited.js'
import { runCommand } from './command.js'
import { refuseForeign } from './own-queue.js'

await runCommand({
  name: 'pause',
  description:
    'Stops consuming on every worker until npm run resume. Events keep collecting and sign-ups go on. The pause is ' +
    'remembered in the database, so it outlives the queue’s data.',
  needs: ['QUEUE_URL'],
  async run(context) {
    const { settings, database } = context
    const queue = context.queue(settings.QUEUE_URL)
    const db = settings.DATABASE_URL === undefined ? undefined : database(settings.DATABASE_URL)
    await refuseForeign(db, queue)
    return audited(context, { action: 'pause' }, async () => {
      const forgettable =
        db === undefined
          ? new Error('DATABASE_URL is not set')
          : await pauseQueue(db, queue, { who: operatorName(), through: 'command' })
      if (db === undefined) await queue.pause()
      const unfinished = await queue.countUnfinished()
      const warning =
        forgettable === undefined
          ? ''
          : ` This could not be remembered in the database (${safeError(forgettable).message}), so a queue that loses its data is no longer paused.`
      return {
        answer: {
          text: `Paused. ${unfinished} unfinished jobs wait; npm run resume goes on.${warning}`,
          json: { paused: true, unfinished, remembered: forgettable === undefined },
        },
        result: `paused; ${unfinished} unfinished jobs`,
      }
    })
  },
})
