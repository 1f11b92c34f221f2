import { once } from 'node:events'
import { startWorker } from '../worker/run.js'
import { runCommand } from './command.js'
import { startTracing } from './tracing.js'

await runCommand({
  name: 'worker',
  description:
    'Takes sign-ups off the queue and enrolls them, reconciles, and serves /healthz, /readyz and /metrics until ' +
    'SIGTERM or SIGINT; then finishes what it is doing. A second signal ends it at once.',
  needs: ['DATABASE_URL', 'QUEUE_URL'],
  async run({ settings, log, signal }) {
    const tracing = await startTracing(settings.OTEL_EXPORTER_OTLP_ENDPOINT, settings.OTEL_SERVICE_NAME)
    const worker = await startWorker(settings, log, tracing?.telemetry)
    if (!signal.aborted) await once(signal, 'abort')
    log.info('stopping: no more jobs are taken, active ones finish')
    const { abandoned } = await worker.close()
    await tracing
      ?.shutdown()
      .catch((error: unknown) => log.warn({ err: error }, 'the last traces were not sent'))
    return {
      text: abandoned === 0 ? 'stopped' : `stopped; ${abandoned} jobs were abandoned and run again`,
      json: { abandoned },
      exitCode: abandoned === 0 ? 0 : 1,
    }
  },
})
