import { once } from 'node:events'
import { within } from '../config/deadline.js'
import type { Logger } from '../config/log.js'
import { startWorker } from '../worker/run.js'
import { runCommand } from './command.js'
import { startTracing } from './tracing.js'

/** A collector that is away must not keep a worker from ending. */
const TRACES_TIMEOUT_MS = 1000

await runCommand({
  name: 'worker',
  description:
    'Takes sign-ups off the queue and enrolls them, reconciles, and serves /healthz, /readyz and /metrics until ' +
    'SIGTERM or SIGINT; then finishes what it is doing. A second signal ends it at once.',
  needs: ['DATABASE_URL', 'QUEUE_URL'],
  isService: true,
  async run({ settings, log, signal }) {
    const tracing = await startTracing(settings.OTEL_EXPORTER_OTLP_ENDPOINT, settings.OTEL_SERVICE_NAME)
    const crash = uncaughtException(log)
    const worker = await startWorker(settings, log, tracing?.telemetry)
    const cause = await Promise.race([aborted(signal), crash, worker.refused]).catch(
      async (error: unknown) => {
        await worker.close()
        throw error
      },
    )
    log.info('stopping: no more jobs are taken, active ones finish')
    const { abandoned } = await worker.close()
    await within(TRACES_TIMEOUT_MS, Promise.resolve(tracing?.shutdown())).catch((error: unknown) =>
      log.warn({ err: error }, 'the last traces were not sent'),
    )
    return {
      text: abandoned === 0 ? 'stopped' : `stopped; ${abandoned} jobs were abandoned and run again`,
      json: { abandoned },
      exitCode: abandoned === 0 && cause === 'signal' ? 0 : 1,
    }
  },
})

async function aborted(signal: AbortSignal): Promise<'signal'> {
  if (!signal.aborted) await once(signal, 'abort')
  return 'signal'
}

/** After such an error nothing is known of the process, but its active jobs may still finish. */
function uncaughtException(log: Logger): Promise<'crash'> {
  return new Promise((resolve) => {
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'an error that nobody caught; the worker stops')
      resolve('crash')
    })
  })
}
