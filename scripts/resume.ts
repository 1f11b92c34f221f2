import { audited } from './audited.js'
import { runCommand } from './command.js'

await runCommand({
  name: 'resume',
  description: 'Lets the workers consume again after npm run pause.',
  needs: ['QUEUE_URL'],
  async run(context) {
    const queue = context.queue(context.settings.QUEUE_URL)
    const unfinished = await audited(context, 'resume', async () => {
      await queue.resume()
      return queue.countUnfinished()
    })
    return { text: `Resumed. ${unfinished} unfinished jobs to do.`, json: { paused: false, unfinished } }
  },
})
