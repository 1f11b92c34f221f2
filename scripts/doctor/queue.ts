import { Cluster, Redis } from 'ioredis'
import type pg from 'pg'
import { parseQueueUrl } from '../../config/queue-url.js'
import {
  inspectQueueSchema,
  inspectRedis,
  type QueueSchemaFacts,
  readPostgresClock,
  readRedisClock,
} from '../../queue/inspect.js'
import type { EventQueue } from '../../queue/open.js'
import { abandonedPartitions, partitionsRefusal } from '../../queue/partitions-in-use.js'
import { explainTrouble } from '../../queue/trouble.js'
import { answerOf, type Check, failed, ok, reasonOf } from './check.js'
import { readClock } from './clock.js'
import type { Findings } from './database.js'
import { judgeRedis } from './redis.js'

interface QueueOptions {
  queue: EventQueue
  url: string
  prefix: string
}

/** Whether the worker could take jobs off this queue. Writes nothing. */
export async function checkQueue({ queue, url, prefix }: QueueOptions): Promise<Findings> {
  const { client } = queue.link
  const explain = explainTrouble(queue.link)
  try {
    const { checks, clocks } =
      client instanceof Redis || client instanceof Cluster
        ? await checkRedis(client)
        : await checkPostgres(client, prefix)
    const usable = checks.every(({ status }) => status !== 'failed')
    return {
      checks: [ok('queue', `at ${placeOf(url)}`), ...checks, ...(usable ? await checkPartitions(queue) : [])],
      clocks,
      usable,
    }
  } catch (error) {
    const fix = 'check QUEUE_URL, that the server runs, and that this machine may connect'
    return {
      checks: [failed('queue', `${placeOf(url)} cannot be used: ${reasonOf(explain(error))}`, fix)],
      clocks: [],
      usable: false,
    }
  }
}

async function checkRedis(client: Redis | Cluster): Promise<Omit<Findings, 'usable'>> {
  const servers = await answerOf(inspectRedis(client))
  const clock = await answerOf(readClock('Redis', () => readRedisClock(client)))
  return { checks: judgeRedis(servers), clocks: [clock] }
}

async function checkPostgres(pool: pg.Pool, prefix: string): Promise<Omit<Findings, 'usable'>> {
  const facts = await answerOf(inspectQueueSchema(pool, prefix))
  const clock = await answerOf(readClock('the queue’s Postgres', () => readPostgresClock(pool)))
  return { checks: [judgeQueueSchema(facts)], clocks: [clock] }
}

function placeOf(url: string): string {
  const address = parseQueueUrl(url)
  if (address.kind !== 'postgres') return address.hosts.map(({ host, port }) => `${host}:${port}`).join(', ')
  const { host, pathname } = new URL(address.url)
  return `${host || 'localhost'}${pathname}`
}

function judgeQueueSchema({ schema, state, deniedTables }: QueueSchemaFacts): Check {
  const name = 'queue-schema'
  if (state !== 'up to date')
    return failed(name, `the queue's schema "${schema}" is ${state}`, 'npm run migrate')
  if (deniedTables.length === 0) return ok(name, `"${schema}" is up to date`)
  return failed(
    name,
    `this role may not read and change ${deniedTables.length} tables of "${schema}", such as "${deniedTables[0]}"`,
    `GRANT USAGE ON SCHEMA "${schema}" and SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "${schema}" to it`,
  )
}

async function checkPartitions(queue: EventQueue): Promise<Check[]> {
  const count = queue.partitions().length
  const abandoned = await answerOf(abandonedPartitions(queue))
  if (abandoned !== undefined) {
    return [
      failed('partitions', partitionsRefusal(count, abandoned), `set QUEUE_PARTITIONS to ${abandoned.inUse}`),
    ]
  }
  return count === 1 ? [] : [ok('partitions', `${count}, and no job lies beyond them`)]
}
