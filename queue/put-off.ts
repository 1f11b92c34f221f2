import { Cluster, Redis } from 'ioredis'
import type pg from 'pg'
import type { BullQueue, EventQueue } from './open.js'
import { LONGEST_BACKOFF_MS, QUEUE_NAME } from './user-created.js'

/** Smaller differences are left alone. */
const TOLERANCE_MS = 2000
/** A delayed job that is overdue by this much is moved to the waiting jobs. */
const OVERDUE_MS = 10_000
const MOST_AT_ONCE = 1000

/**
 * Corrects what workers did by a wrong clock, because they are of an earlier version or their clock has just been changed.
 * By the clock of the queue's server, a job is never delayed for longer than its back-off, and an overdue job waits for the
 * next free worker. On Postgres, locks depend on the worker's clock too, and too long ones are shortened.
 *
 * @param lockMs how long a worker locks a job
 * @returns how many jobs were corrected
 */
export async function correctPutOff(queue: EventQueue, lockMs: number): Promise<number> {
  const { client } = queue.link
  const corrected = await Promise.all(
    queue.partitions().map(async (bull) => {
      const { moved, overdue } =
        client instanceof Redis || client instanceof Cluster
          ? await correctOnRedis(client, bull)
          : await correctOnPostgres(client, lockMs)
      await Promise.all(overdue.map((jobId) => promote(bull, jobId)))
      return moved + overdue.length
    }),
  )
  return corrected.reduce((sum, count) => sum + count, 0)
}

interface Corrected {
  moved: number
  /** Ids of jobs that a worker should have taken by now. */
  overdue: string[]
}

/** The score of a delayed job is its due time in milliseconds, times 4096. */
const CORRECT_ON_REDIS = `
local base, longest, tolerance, overdueMs, most = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local late = redis.call('ZREVRANGEBYSCORE', base .. 'delayed', '+inf', (now + tolerance) * 4096, 'WITHSCORES', 'LIMIT', 0, most)
local moved = 0
for index = 1, #late, 2 do
  local due = now + math.min(tonumber(redis.call('HGET', base .. late[index], 'delay')) or 0, longest)
  if late[index + 1] / 4096 > due + tolerance then
    redis.call('ZADD', base .. 'delayed', string.format('%.0f', due * 4096), late[index])
    moved = moved + 1
  end
end
if moved > 0 then
  local first = redis.call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')
  redis.call('ZADD', base .. 'marker', math.floor(first[2] / 4096), '1')
end
return { moved, redis.call('ZRANGEBYSCORE', base .. 'delayed', 0, (now - overdueMs) * 4096, 'LIMIT', 0, most) }`

async function correctOnRedis(client: Redis | Cluster, bull: BullQueue): Promise<Corrected> {
  const numbers = [LONGEST_BACKOFF_MS, TOLERANCE_MS, OVERDUE_MS, MOST_AT_ONCE]
  const answer = await client.eval(CORRECT_ON_REDIS, 1, bull.toKey(''), ...numbers)
  const [moved, overdue] = answer as [number, string[]]
  return { moved, overdue }
}

const NOW = '(extract(epoch from clock_timestamp()) * 1000)::bigint'

async function correctOnPostgres(pool: pg.Pool, lockMs: number): Promise<Corrected> {
  const { rows: moved } = await pool.query(
    `update job set process_at_ms = ${NOW} + least(delay_ms, $2)
     where queue = $1 and state = 'delayed' and process_at_ms > ${NOW} + least(delay_ms, $2) + $3
     returning pg_notify('bullmq_jobs', queue)`,
    [QUEUE_NAME, LONGEST_BACKOFF_MS, TOLERANCE_MS],
  )
  await pool.query(
    `update job set locked_until_ms = ${NOW} + $2
     where queue = $1 and state = 'active' and locked_until_ms > ${NOW} + $2 + $3`,
    [QUEUE_NAME, lockMs, TOLERANCE_MS],
  )
  const { rows: overdue } = await pool.query<{ id: string }>(
    `select id from job where queue = $1 and state = 'delayed' and process_at_ms < ${NOW} - $2 limit $3`,
    [QUEUE_NAME, OVERDUE_MS, MOST_AT_ONCE],
  )
  return { moved: moved.length, overdue: overdue.map(({ id }) => id) }
}

/** Ignores a job that a worker takes at the same moment. */
async function promote(bull: BullQueue, jobId: string): Promise<void> {
  const job = await bull.getJob(jobId)
  await job?.promote().catch(() => undefined)
}
