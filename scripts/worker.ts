import { once } from 'node:events'
import { within } from '../config/deadline.js'
import type { Logger } from '../config/log.js'
import { startWorker } from '../worker/run.js'
import { runCommand } from './command.js'
import { startTracing } from './tracing.js'

/** An unreachable collector must not keep a worker from exiting. */
const TRACES_TIMEOUT_MS = 1000

await runCommand({
  name: 'worker',
  description:
    'Takes sign-ups from the queue and enrolls the users, reconciles, and serves /healthz, /readyz and /metrics. SIGTERM or ' +
    'SIGINT lets it finish its active jobs; a second signal ends it at once.',
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
    log.info('stopping: finishing the active jobs, taking no more')
    const { abandoned } = await worker.close()
    await within(TRACES_TIMEOUT_MS, Promise.resolve(tracing?.shutdown())).catch((error: unknown) =>
      log.warn({ err: error }, 'the last traces were not sent'),
    )
    return {
      text: abandoned === 0 ? 'stopped' : `stopped; ${abandoned} abandoned jobs will run again`,
      json: { abandoned },
      exitCode: abandoned === 0 && cause === 'signal' ? 0 : 1,
    }
  },
})

async function aborted(signal: AbortSignal): Promise<'signal'> {
  if (!signal.aborted) await once(signal, 'abort')
  return 'signal'
}

/** After an uncaught error the process cannot be trusted, but its active jobs may still finish. */
function uncaughtException(log: Logger): Promise<'crash'> {
  return new Promise((resolve) => {
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'uncaught error; the worker stops')
      resolve('crash')
    })
  })
}
