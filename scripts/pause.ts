import { runCommand } from './command.js'

await runCommand({
  name: 'pause',
  description:
    'Stops consuming on every worker. Events keep collecting, sign-ups go on; npm run resume goes on.',
  needs: ['QUEUE_URL'],
  async run({ settings, queue: open }) {
    const queue = open(settings.QUEUE_URL)
    await queue.pause()
    const unfinished = await queue.countUnfinished()
    return {
      text: `Paused. ${unfinished} unfinished jobs wait; npm run resume goes on.`,
      json: { paused: true, unfinished },
    }
  },
})
