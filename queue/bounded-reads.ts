import { type BackendFactory, createRedisBackend, RedisQueueBackend } from 'bullmq'
import type { Cluster, Redis } from 'ioredis'
import { READ_FIELDS, READ_IDS, READ_LOGS } from './bounded-scripts.js'

/** More than any caller asks for. Asking for all of them returns the first ones. */
const MAX_JOBS = 10_000
const MAX_ID_BYTES = 255
const MAX_LOG_LINES = 200
const MAX_LOG_BYTES = 4096

/** A field of a stored job: how much of it is read, and what replaces it if it is larger or malformed. */
interface Field {
  maxBytes: number
  standIn: string
  isValid: (value: string) => boolean
  /** If set, a longer value is cut to this many bytes instead, unless it is enormous. */
  cutTo?: number
}

const TOO_LARGE = 'too large or malformed, so it was not read'
const json = (standIn: unknown, isValid: (value: unknown) => boolean = () => true): Field => ({
  maxBytes: 4096,
  standIn: JSON.stringify(standIn),
  isValid: (text) => parsesTo(text, isValid),
})
const text: Field = { maxBytes: 1024, standIn: TOO_LARGE, isValid: () => true }
/** Also a time, in milliseconds since 1970. */
const number: Field = { maxBytes: 15, standIn: '0', isValid: (digits) => /^\d+$/.test(digits) }

/** The fields that BullMQ reads of a job, by the names under which it stores them. */
const FIELDS: Readonly<Record<string, Field>> = {
  name: text,
  data: json({ problem: TOO_LARGE }),
  opts: json({}, (value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  progress: json(TOO_LARGE),
  returnvalue: json(TOO_LARGE),
  failedReason: { ...text, maxBytes: 4096, cutTo: 4096, standIn: `the reason is ${TOO_LARGE}` },
  stacktrace: {
    ...json([TOO_LARGE], (value) => Array.isArray(value) && value.every((line) => typeof line === 'string')),
    maxBytes: 64 * 1024,
  },
  timestamp: number,
  processedOn: number,
  finishedOn: number,
  delay: number,
  priority: number,
  ats: number,
  atm: number,
  attemptsMade: number,
  stc: number,
  deid: text,
  pb: text,
  defa: text,
}

/**
 * BullMQ's Redis backend, except that it reads a bounded part of each job. Anyone who may add events can store jobs of any
 * size and shape, and BullMQ reads them whole: a few hundred megabytes end the dashboard, and one job that is not JSON breaks
 * every list it is in.
 */
export function boundedRedisBackend(client: Redis | Cluster): BackendFactory<RedisQueueBackend> {
  return (...args) => {
    const backend = createRedisBackend(...args)
    return Object.assign(backend, {
      /** Only ids, because BullMQ then reads each job again anyway. */
      async getJobs(types: readonly string[], start = 0, end = -1, ascending = false) {
        const last = Math.min(end < 0 ? Number.POSITIVE_INFINITY : end, start + MAX_JOBS - 1)
        const states = new Set(types.map((type) => (type === 'waiting' ? 'wait' : type)))
        const ids = await Promise.all(
          [...states].map((state) =>
            client.eval(READ_IDS, 1, backend.toKey(state), start, last, ascending ? 1 : 0, MAX_ID_BYTES),
          ),
        )
        return (ids as string[][]).map((ofState) => ofState.map((id): [string, string[]] => [id, []]))
      },

      async getJobData(jobId: string) {
        const limits = Object.entries(FIELDS).flatMap(([name, { maxBytes, cutTo = 0 }]) => [
          name,
          maxBytes,
          cutTo,
        ])
        const values = await client.eval(READ_FIELDS, 1, backend.toKey(jobId), ...limits)
        return readAsBullMQ(backend, jobId, storedFields(values as Value[]))
      },

      async getJobLogs(jobId: string, start: number, end: number, ascending: boolean) {
        const range = [start, end, ascending ? 1 : 0, MAX_LOG_LINES, MAX_LOG_BYTES]
        const found = await client.eval(READ_LOGS, 1, backend.toKey(`${jobId}:logs`), ...range)
        const [count, ...logs] = found as [number, ...string[]]
        return { logs, count }
      },
    })
  }
}

/** `null` where there is none, 0 where it is too large. */
type Value = string | null | 0

function storedFields(values: readonly Value[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(FIELDS).flatMap(([name, { standIn, isValid }], index) => {
      const value = values[index] ?? null
      if (value === null) return []
      return [[name, value !== 0 && isValid(value) ? value : standIn]]
    }),
  )
}

/** Parses the fields as BullMQ would, as if nothing else were stored. */
function readAsBullMQ(backend: RedisQueueBackend, jobId: string, fields: Record<string, string>) {
  const queue = {
    toKey: (type: string) => backend.toKey(type),
    client: Promise.resolve({ hgetall: async () => fields }),
  }
  const reader = Object.create(backend, { queue: { value: queue } }) as RedisQueueBackend
  return RedisQueueBackend.prototype.getJobData.call(reader, jobId)
}

function parsesTo(text: string, isValid: (value: unknown) => boolean): boolean {
  try {
    return isValid(JSON.parse(text))
  } catch {
    return false
  }
}
