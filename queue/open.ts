import { randomUUID } from 'node:crypto'
import { type JobType, Queue, type Telemetry } from 'bullmq'
import { linkQueue, type QueueLink } from './connect.js'
import { describeWhenConnected } from './description.js'
import { findUnfinishedJob, freeLostUsers } from './lost.js'
import { partitionOf, partitionPrefixes } from './partitions.js'
import {
  JOB_NAME,
  jobOptions,
  QUEUE_NAME,
  type UserCreated,
  type UserCreatedJob,
  type UserCreatedResult,
} from './user-created.js'

export type BullQueue = Queue<UserCreated, UserCreatedResult>

/** The queue `user-created`, for everyone who does not consume it. Every call gives up after its timeout. */
export interface EventQueue {
  /** Queues an event, unless the user has an unfinished one. */
  add(event: UserCreated): Promise<'queued' | 'duplicate'>
  /**
   * Queues many events. Not atomic: when it rejects, some may be queued; repeating it is safe.
   *
   * @returns the users who had no unfinished event yet
   */
  addMany(events: readonly UserCreated[]): Promise<string[]>
  /** Jobs that are not finished: waiting, delayed for a retry, or active. */
  countUnfinished(): Promise<number>
  /** Jobs that workers are processing. */
  countActive(): Promise<number>
  /** Jobs that a worker could take now. */
  countWaiting(): Promise<number>
  isPaused(): Promise<boolean>
  /** Stops consuming everywhere; events keep collecting. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Like `add`, but also queues the event if the user's unfinished job has vanished. */
  addSurely(event: UserCreated): Promise<'queued' | 'duplicate'>
  /**
   * Of users whose events were duplicates, returns those whose unfinished job has vanished. Their events can be queued again.
   */
  freeLost(userIds: readonly string[]): Promise<string[]>
  /** The id of the user's unfinished job, if there is one that a worker will find. */
  unfinishedJobOf(userId: string): Promise<string | undefined>
  /** The job with that id, in any partition. */
  findJob(jobId: string): Promise<UserCreatedJob | undefined>
  /** BullMQ's own queue, for what only one caller needs; the first of several partitions. */
  bull(): BullQueue
  /** BullMQ's own queue of each partition. */
  partitions(): readonly BullQueue[]
  /** Opens the same queue with another number of partitions. */
  withPartitions(count: number): EventQueue
  link: QueueLink
  /** Drops the connection, even if the server does not respond. */
  close(): Promise<void>
}

export interface OpenOptions {
  url: string
  prefix: string
  /** How long a call may take if the queue does not respond. */
  timeoutMs: number
  onError: (error: Error) => void
  telemetry?: Telemetry
  /** Number of queue partitions (by hash of user id). Default 1. */
  partitions?: number
  /** Never writes the queue's own settings, because the Redis user of sign-ups may only add events. */
  addsOnly?: boolean
}

/** States of jobs that are not finished. On Postgres, waiting jobs of a paused queue count as `paused`, which BullMQ's type lacks. */
export const UNFINISHED = ['waiting', 'paused' as JobType, 'prioritized', 'delayed', 'active'] as const

/** Opens the queue lazily: it connects at the first call, and each call tries again. */
export function openQueue(options: OpenOptions): EventQueue {
  const { url, prefix, timeoutMs, onError, telemetry, partitions: count = 1, addsOnly = false } = options
  const link = linkQueue({ url, prefix, profile: { mode: 'produce', timeoutMs }, onError })
  let queues: readonly BullQueue[] | undefined

  function partitions(): readonly BullQueue[] {
    if (queues !== undefined) return queues
    queues = partitionPrefixes(prefix, count).map(
      (own) =>
        new Queue(
          QUEUE_NAME,
          {
            ...link.options,
            prefix: own,
            skipMetasUpdate: addsOnly,
            ...(telemetry === undefined ? {} : { telemetry }),
          },
          link.backend as never,
        ).on('error', onError) as BullQueue,
    )
    if (!addsOnly) describeWhenConnected(link, queues)
    return queues
  }

  const bull = (index = 0) => partitions()[index] as BullQueue
  const bullOf = (userId: string) => bull(partitionOf(userId, count))
  const onEach = <T>(ask: (queue: BullQueue) => Promise<T>) => Promise.all(partitions().map(ask))

  async function add(event: UserCreated): Promise<'queued' | 'duplicate'> {
    const jobId = randomUUID()
    const job = await bullOf(event.userId).add(JOB_NAME, event, { ...jobOptions(event), jobId })
    return job.id === jobId ? 'queued' : 'duplicate'
  }

  /** Calls each partition with its share of the items. */
  async function onShares<Item, Answer>(
    items: readonly Item[],
    userIdOf: (item: Item) => string,
    ask: (queue: BullQueue, share: Item[]) => Promise<Answer[]>,
  ): Promise<Answer[]> {
    const shareOf = (index: number) => items.filter((item) => partitionOf(userIdOf(item), count) === index)
    return (await Promise.all(partitions().map((queue, index) => ask(queue, shareOf(index))))).flat()
  }

  const freeLost = (userIds: readonly string[]) =>
    onShares(
      userIds,
      (userId) => userId,
      (queue, share) => freeLostUsers(link.client, queue, share),
    )

  return {
    bull: () => bull(),
    withPartitions: (partitions) => openQueue({ ...options, partitions }),
    partitions,
    link,
    add,
    async addSurely(event) {
      const added = await add(event)
      return added === 'duplicate' && (await freeLost([event.userId])).length > 0 ? add(event) : added
    },
    addMany: (events) => onShares(events, ({ userId }) => userId, addShare),
    freeLost,
    async countUnfinished() {
      const counts = await onEach((queue) => queue.getJobCounts(...UNFINISHED))
      return sum(counts.flatMap((states) => Object.values(states)))
    },
    countActive: async () => sum(await onEach((queue) => queue.getActiveCount())),
    async countWaiting() {
      const counts = await onEach((queue) => queue.getJobCounts('waiting', 'prioritized'))
      return sum(counts.flatMap(({ waiting = 0, prioritized = 0 }) => [waiting, prioritized]))
    },
    unfinishedJobOf: (userId) => findUnfinishedJob(link.client, bullOf(userId), userId),
    async findJob(jobId) {
      const found = await onEach((queue) => queue.getJob(jobId))
      return found.find((job) => job !== undefined)
    },
    isPaused: () => bull().isPaused(),
    pause: async () => void (await onEach((queue) => queue.pause())),
    resume: async () => void (await onEach((queue) => queue.resume())),
    async close() {
      for (const queue of queues ?? []) queue.removeAllListeners().on('error', () => undefined)
      await link.disconnect()
    },
  }
}

async function addShare(queue: BullQueue, events: readonly UserCreated[]): Promise<string[]> {
  if (events.length === 0) return []
  const entries = events.map((event) => ({
    name: JOB_NAME,
    data: event,
    opts: { ...jobOptions(event), jobId: randomUUID() },
  }))
  const jobs = await queue.addBulk(entries)
  return entries.filter(({ opts }, index) => jobs[index]?.id === opts.jobId).map(({ data }) => data.userId)
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
