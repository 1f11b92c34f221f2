import { randomUUID } from 'node:crypto'
import { type JobType, Queue, type Telemetry } from 'bullmq'
import { linkQueue, type QueueLink } from './connect.js'
import { JOB_NAME, jobOptions, QUEUE_NAME, type UserCreated, type UserCreatedResult } from './user-created.js'

type BullQueue = Queue<UserCreated, UserCreatedResult>

/** The queue `user-created`, for everyone who does not consume it. Every call gives up after its timeout. */
export interface EventQueue {
  /** Queues an event, or tells that the user has an unfinished one. */
  add(event: UserCreated): Promise<'queued' | 'duplicate'>
  /**
   * Queues many events. Not atomic: when it rejects, some may be queued; repeating it is safe.
   *
   * @returns the users who had no unfinished event yet
   */
  addMany(events: readonly UserCreated[]): Promise<string[]>
  /** Jobs that are not finished: waiting, delayed for a retry, or active. */
  countUnfinished(): Promise<number>
  /** Jobs that a worker could take now. */
  countWaiting(): Promise<number>
  isPaused(): Promise<boolean>
  /** Stops consuming everywhere; events keep collecting. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** BullMQ's own queue, for what only one caller needs. */
  bull(): BullQueue
  link: QueueLink
  /** Lets go of the connection, whether or not the server answers. */
  close(): Promise<void>
}

export interface OpenOptions {
  url: string
  prefix: string
  /** How long a call may take when the queue does not answer. */
  timeoutMs: number
  onError: (error: Error) => void
  telemetry?: Telemetry
}

/** States of jobs that are not finished. On Postgres a paused queue counts what waits as `paused`, which BullMQ's type of states has forgotten. */
export const UNFINISHED = ['waiting', 'paused' as JobType, 'prioritized', 'delayed', 'active'] as const

/** Opens the queue lazily: nothing is connected before the first call, and every call tries anew. */
export function openQueue({ url, prefix, timeoutMs, onError, telemetry }: OpenOptions): EventQueue {
  const link = linkQueue({ url, prefix, profile: { mode: 'produce', timeoutMs }, onError })
  let queue: BullQueue | undefined

  function bull(): BullQueue {
    queue ??= new Queue(
      QUEUE_NAME,
      { ...link.options, ...(telemetry === undefined ? {} : { telemetry }) },
      link.backend as never,
    ).on('error', onError) as BullQueue
    return queue
  }

  return {
    bull,
    link,
    async add(event) {
      const jobId = randomUUID()
      const job = await bull().add(JOB_NAME, event, { ...jobOptions(event), jobId })
      return job.id === jobId ? 'queued' : 'duplicate'
    },
    async addMany(events) {
      const entries = events.map((event) => ({
        name: JOB_NAME,
        data: event,
        opts: { ...jobOptions(event), jobId: randomUUID() },
      }))
      const jobs = await bull().addBulk(entries)
      return entries
        .filter(({ opts }, index) => jobs[index]?.id === opts.jobId)
        .map(({ data }) => data.userId)
    },
    async countUnfinished() {
      const counts = await bull().getJobCounts(...UNFINISHED)
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    },
    async countWaiting() {
      const { waiting = 0, prioritized = 0 } = await bull().getJobCounts('waiting', 'prioritized')
      return waiting + prioritized
    },
    isPaused: () => bull().isPaused(),
    pause: () => bull().pause(),
    resume: () => bull().resume(),
    async close() {
      queue?.removeAllListeners().on('error', () => undefined)
      await link.disconnect()
    },
  }
}
