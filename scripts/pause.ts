import { audited } from './audited.js'
import { runCommand } from './command.js'

await runCommand({
  name: 'pause',
  description:
    'Stops consuming on every worker. Events keep collecting, sign-ups go on; npm run resume goes on.',
  needs: ['QUEUE_URL'],
  async run(context) {
    const queue = context.queue(context.settings.QUEUE_URL)
    const unfinished = await audited(context, 'pause', async () => {
      await queue.pause()
      return queue.countUnfinished()
    })
    return {
      text: `Paused. ${unfinished} unfinished jobs wait; npm run resume goes on.`,
      json: { paused: true, unfinished },
    }
  },
})
