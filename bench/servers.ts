import { Redis } from 'ioredis'
import pg from 'pg'
import { connectDatabase } from '../db/connect.js'
import { migrate } from '../db/migrate.js'
import type { Database } from '../db/schema.js'
import { migrateQueue } from '../queue/migrate.js'
import { startEmbeddedPostgres } from '../scripts/demo/embedded-postgres.js'
import { ensurePrograms } from '../test/support/programs.js'
import { REDIS_SERVER, type RedisServer, startRedis } from '../test/support/redis-server.js'
import { parentOf } from './cpu.js'

export interface Servers {
  redis: RedisServer
  /** Superuser's URL. */
  postgresUrl: string
  /** Process ids, to account for CPU time. */
  pids: { redis: number; postgres: number }
  versions: { redis: string; postgres: string }
  stop(): Promise<void>
}

/**
 * A Redis with an append-only file that is synced every second, and a Postgres with default durability that records commit
 * times.
 */
export async function startServers(): Promise<Servers> {
  await ensurePrograms([REDIS_SERVER])
  const [postgres, redis] = await Promise.all([
    startEmbeddedPostgres(['-c', 'track_commit_timestamp=on']),
    startRedis({ flags: ['--appendonly', 'yes', '--appendfsync', 'everysec'] }),
  ])
  return {
    redis,
    postgresUrl: postgres.url,
    pids: { redis: redis.pid() ?? 0, postgres: await postmasterPid(postgres.url) },
    versions: { redis: await redisVersion(redis.port), postgres: await postgresVersion(postgres.url) },
    async stop() {
      await Promise.all([postgres.stop(), redis.stop()])
    },
  }
}

export interface BenchDatabase {
  url: string
  db: Database
  close(): Promise<void>
}

/** A new database with the application's tables and the queue's schema. */
export async function createDatabase(postgresUrl: string, name: string): Promise<BenchDatabase> {
  await onServer(postgresUrl, `create database ${name}`)
  const address = new URL(postgresUrl)
  address.pathname = name
  const db = connectDatabase(address.href, { applicationName: 'bench' })
  await migrate(db)
  await migrateQueue(address.href, '{auto-enroll}')
  return {
    url: address.href,
    db,
    async close() {
      await db.destroy()
      await onServer(postgresUrl, `drop database ${name} with (force)`)
    },
  }
}

/** The postmaster is the parent of the process that serves a connection. */
async function postmasterPid(url: string): Promise<number> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    return parentOf(rows[0]?.pid ?? 0)
  } finally {
    await client.end()
  }
}

async function redisVersion(port: number): Promise<string> {
  const client = new Redis({ port })
  const info = await client.info('server')
  client.disconnect()
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
}

async function postgresVersion(url: string): Promise<string> {
  const { rows } = await onServer(url, 'show server_version')
  return String(rows[0]?.server_version)
}

async function onServer(url: string, statement: string): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await client.query(statement)
  } finally {
    await client.end()
  }
}
