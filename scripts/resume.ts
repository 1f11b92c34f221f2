import { runCommand } from './command.js'

await runCommand({
  name: 'resume',
  description: 'Lets the workers consume again after npm run pause.',
  needs: ['QUEUE_URL'],
  async run({ settings, queue: open }) {
    const queue = open(settings.QUEUE_URL)
    await queue.resume()
    const unfinished = await queue.countUnfinished()
    return { text: `Resumed. ${unfinished} unfinished jobs to do.`, json: { paused: false, unfinished } }
  },
})
