import { pino } from 'pino'
import { readSettings } from '../../config/settings.js'
import { linkQueue } from '../../queue/connect.js'
import { consume } from '../../worker/consume.js'
import type { Enroll } from '../../worker/enroll.js'
import { createObserver, type Observer } from '../../worker/observe.js'
import { type RunningWorker, startWorker } from '../../worker/run.js'

export interface WorkerPlace {
  databaseUrl: string
  queue: { url: string; prefix: string }
  env?: Record<string, string>
  log?: pino.Logger
}

/** Starts a worker in this process, on a free port and silent. */
export function startTestWorker({ databaseUrl, queue, env = {}, log }: WorkerPlace): Promise<RunningWorker> {
  const settings = readSettings(
    {
      DATABASE_URL: databaseUrl,
      QUEUE_URL: queue.url,
      QUEUE_PREFIX: queue.prefix,
      WORKER_HTTP_PORT: '0',
      RECONCILE_INTERVAL_MS: '0',
      ...env,
    },
    ['DATABASE_URL', 'QUEUE_URL'],
  )
  return startWorker(settings, log ?? pino({ level: 'silent' }))
}

/** An observer that does only what is given, and ignores the rest. */
function observing(parts: Partial<Observer>): Observer {
  return { ...createObserver(pino({ level: 'silent' })), ...parts }
}

/** A worker that only records whom it would enroll, or runs `enroll`. */
export function startConsumer(
  { url, prefix }: WorkerPlace['queue'],
  enroll?: Enroll,
  { concurrency = 10 } = {},
) {
  const [enrolled, errors]: [string[], string[]] = [[], []]
  const onError = (error: Error) => errors.push(error.message)
  const link = linkQueue({ url, prefix, profile: { mode: 'consume' }, onError })
  const consumer = consume({
    link,
    concurrency,
    async enroll(userId, lane) {
      enrolled.push(userId)
      return enroll?.(userId, lane) ?? { outcome: 'enrolled', enrolled: 1 }
    },
    observer: observing({ queueError: onError }),
  })
  return {
    enrolled,
    errors,
    consumer,
    /** Disconnects from the queue without waiting for it. */
    async stop() {
      void consumer.close(true).catch(() => undefined)
      await link.disconnect()
    },
  }
}

export type TestConsumer = ReturnType<typeof startConsumer>
