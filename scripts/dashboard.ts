import { once } from 'node:events'
import { startDashboard } from '../dashboard/run.js'
import { DEFAULT_MAX_PENDING, queueMissingUsers } from '../worker/reconcile.js'
import { runCommand } from './command.js'

await runCommand({
  name: 'dashboard',
  description:
    'Serves the operators’ page until SIGTERM or SIGINT. It shows whether everyone is enrolled, what is stuck and why, and what ' +
    'to do. bull-board is at /queues.',
  needs: ['DATABASE_URL', 'QUEUE_URL'],
  isService: true,
  async run({ settings, log, signal }) {
    const dashboard = await startDashboard(settings, log, (options) =>
      queueMissingUsers({ ...options, source: 'backfill', maxPending: DEFAULT_MAX_PENDING }),
    )
    if (!signal.aborted) await once(signal, 'abort')
    await dashboard.close()
    return { text: 'stopped', json: { stopped: true } }
  },
})
