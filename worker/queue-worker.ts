import type { Telemetry } from 'bullmq'
import type { LimitFunction } from 'p-limit'
import { type Bookkeeping, COUNTED_MINUTES } from '../queue/bookkeeping.js'
import type { QueueLink } from '../queue/connect.js'
import { isBacklog, QUEUE_NAME, type UserCreatedJob, type UserCreatedResult } from '../queue/user-created.js'
import { EventWorker } from './event-worker.js'
import type { Observer } from './observe.js'
import { KEEP_SLOTS_MS, type Slots } from './slots.js'

/** A worker that crashes is no reason to give up its jobs: they are idempotent. */
const MAX_STALLED_COUNT = 1000

/** How long the jobs of a worker that died, or never heard that it got them, stay with it; BullMQ's own is 30 s. */
export const LOCK_MS = 15_000

/** How often workers look for jobs whose lock has run out; BullMQ's own is 30 s. */
const STALLED_CHECK_MS = 5000

/** How soon a worker asks again after its queue refused a connection; BullMQ's own 15 s would be noticed by users. */
const RETRY_DELAY_MS = 1000

/** Runs a job; `onHeld` is called when it has to wait for others. */
export type Process = (
  job: UserCreatedJob,
  token: string | undefined,
  onHeld: () => void,
) => Promise<UserCreatedResult>

interface WorkerParts {
  link: QueueLink
  observer: Observer
  telemetry?: Telemetry
  /** Kept apart from the jobs, where the queue cannot do it at little cost with each. */
  books: Bookkeeping | undefined
}

/** Starts a BullMQ worker on one partition. */
export function startQueueWorker(
  { link, observer, telemetry, books }: WorkerParts,
  prefix: string,
  slots: Slots,
  backlogTurns: LimitFunction,
  process: Process,
): EventWorker {
  const worker = new EventWorker(
    QUEUE_NAME,
    async (job, token) => {
      if (books !== undefined) job.opts.removeOnComplete = false
      const isLive = !isBacklog(job.data?.source)
      const ends: (() => void)[] = []
      const onHeld = () => {
        ends.push(slots.lend())
        worker.fetchUpTo(slots.limit())
      }
      if (isLive) {
        ends.push(slots.take())
        worker.concurrency = slots.limit()
      }
      try {
        return await (isLive
          ? process(job, token, onHeld)
          : inTurn(backlogTurns, onHeld, (yielding) => process(job, token, yielding)))
      } finally {
        for (const end of ends) end()
        worker.concurrency = slots.limit()
      }
    },
    {
      ...link.options,
      prefix,
      concurrency: slots.limit(),
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: MAX_STALLED_COUNT,
      runRetryDelay: RETRY_DELAY_MS,
      ...(books === undefined ? { metrics: { maxDataPoints: COUNTED_MINUTES } } : {}),
      ...(telemetry === undefined ? {} : { telemetry }),
    },
    link.backend as never,
  )
  const releasing = setInterval(() => {
    slots.release()
    worker.concurrency = slots.limit()
  }, KEEP_SLOTS_MS).unref()
  worker.on('closing', () => clearInterval(releasing))
  worker.on('completed', (job, result) => {
    books?.finished('completed')
    observer.completed(job, result)
  })
  worker.on('failed', (job, error) => {
    if (job?.finishedOn !== undefined) books?.finished('failed')
    observer.failed(job, error)
  })
  worker.on('stalled', (jobId) => observer.stalled(jobId))
  worker.on('error', (error) => observer.queueError(error))
  return worker
}

/** Runs a job when it is its turn. One that has to wait for others lets the next one have it. */
function inTurn(
  turns: LimitFunction,
  onHeld: () => void,
  work: (onHeld: () => void) => Promise<UserCreatedResult>,
): Promise<UserCreatedResult> {
  return new Promise((resolve, reject) => {
    void turns(
      () =>
        new Promise<void>((endTurn) => {
          const yielding = () => {
            endTurn()
            onHeld()
          }
          work(yielding).then(resolve, reject).finally(endTurn)
        }),
    )
  })
}
