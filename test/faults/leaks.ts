import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { RedisServer } from '../support/redis-server.js'
import type { ScenarioDatabase } from './database.js'

interface Places {
  servers: readonly RedisServer[]
  database: ScenarioDatabase
  /** What processes wrote. */
  written: readonly string[]
}

/**
 * Searches for `mark`, which is in every name, email and password, in everything that was written except the application's own
 * tables: logs, metrics, Redis and its files, and the queue's tables.
 *
 * @returns each find with its context
 */
export async function findLeaks(mark: string, { servers, database, written }: Places): Promise<string[]> {
  const texts = [
    ...written,
    ...(await Promise.all(servers.map(inRedis))).flat(),
    ...(await inQueueTables(database)),
  ]
  return texts.flatMap((text) => {
    const at = text.indexOf(mark)
    return at < 0 ? [] : [text.slice(Math.max(0, at - 200), at + 100)]
  })
}

async function inRedis(redis: RedisServer): Promise<string[]> {
  const files = await readdir(redis.folder, { recursive: true, withFileTypes: true })
  const contents = files
    .filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath, file.name), 'latin1'))
  return [...(await Promise.all(contents)), await everyKey(redis.url).catch(() => '')]
}

async function everyKey(url: string): Promise<string> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => undefined)
  try {
    const dumps: string[] = []
    for (const key of await client.keys('*')) {
      // Uncompressed, so that words in it can be found.
      dumps.push(key, JSON.stringify(await readKey(client, key)))
    }
    return dumps.join('\n')
  } finally {
    client.disconnect()
  }
}

async function readKey(client: Redis, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'string':
      return client.get(key)
    case 'hash':
      return client.hgetall(key)
    case 'list':
      return client.lrange(key, '0', '-1')
    case 'set':
      return client.smembers(key)
    case 'zset':
      return client.zrange(key, '0', '-1')
    case 'stream':
      return client.xrange(key, '-', '+')
    default:
      return undefined
  }
}

async function inQueueTables({ sql }: ScenarioDatabase): Promise<string[]> {
  const tables = await sql<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname like 'bullmq%'`,
  )
  const rows = await Promise.all(
    tables.map(({ name }) => sql<{ row: string }>(`select t::text as row from ${name} t`)),
  )
  return rows.flat().map(({ row }) => row)
}
