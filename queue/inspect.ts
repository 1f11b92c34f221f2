import { assertSchemaCompatibility, LATEST_SCHEMA_VERSION, SchemaMigrationRequiredError } from 'bullmq'
import { Cluster, type Redis } from 'ioredis'
import type pg from 'pg'
import { queueSchema } from './schema-name.js'

/** A Redis server, or one master of a cluster, as its INFO describes it. */
export interface RedisFacts {
  address: string
  /** The version of Redis, or the one that a compatible server claims to be. */
  version: string | undefined
  /** `maxmemory_policy` of INFO, because managed servers forbid CONFIG. */
  evictionPolicy: string | undefined
  appendOnlyFile: boolean | undefined
  isReplica: boolean
  /** The last snapshot failed. By default the server then refuses writes (`stop-writes-on-bgsave-error`). */
  snapshotFailed: boolean
  /** It holds as much as `maxmemory` allows and evicts nothing, so it refuses whatever needs memory. */
  isFull: boolean
}

/** Describes every server that holds part of the queue. */
export async function inspectRedis(client: Redis | Cluster): Promise<RedisFacts[]> {
  const nodes = await mastersOf(client)
  return Promise.all(
    nodes.map(async (node) => {
      const info = parseInfo(await node.info())
      const aof = info.get('aof_enabled')
      return {
        address: `${node.options.host}:${node.options.port}`,
        version: info.get('redis_version'),
        evictionPolicy: info.get('maxmemory_policy'),
        appendOnlyFile: aof === undefined ? undefined : aof === '1',
        isReplica: info.get('role') === 'slave',
        snapshotFailed: info.get('rdb_last_bgsave_status') === 'err',
        isFull: isFull(info),
      }
    }),
  )
}

/** The clock of the first server, in milliseconds since 1970. */
export async function readRedisClock(client: Redis | Cluster): Promise<number> {
  const [node] = await mastersOf(client)
  const [seconds, microseconds] = (await node?.time()) ?? []
  return Number(seconds) * 1000 + Number(microseconds) / 1000
}

/** The clock of the queue's Postgres, in milliseconds since 1970. */
export async function readPostgresClock(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ ms: string }>(
    'select extract(epoch from clock_timestamp()) * 1000 as ms',
  )
  return Number(rows[0]?.ms)
}

function isFull(info: ReadonlyMap<string, string>): boolean {
  const limit = Number(info.get('maxmemory') ?? 0)
  return (
    limit > 0 && info.get('maxmemory_policy') === 'noeviction' && Number(info.get('used_memory')) >= limit
  )
}

async function mastersOf(client: Redis | Cluster): Promise<Redis[]> {
  if (!(client instanceof Cluster)) return [client]
  if (client.status === 'wait') await client.connect()
  return client.nodes('master')
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(/\r?\n/).flatMap((line) => {
      const colon = line.indexOf(':')
      return colon < 1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const]
    }),
  )
}

/** The queue's schema on Postgres. */
export interface QueueSchemaFacts {
  schema: string
  state: 'up to date' | 'outdated' | 'missing'
  /** Tables that the current role may not both read and write. */
  deniedTables: string[]
}

/** @throws {Error} when a newer version created the schema, or the server is too old for it */
export async function inspectQueueSchema(pool: pg.Pool, prefix: string): Promise<QueueSchemaFacts> {
  const schema = queueSchema(prefix)
  const { rows } = await pool.query<{ name: string; allowed: boolean }>(
    `select c.relname::text as name, has_schema_privilege(n.oid, 'USAGE')
       and has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'INSERT')
       and has_table_privilege(c.oid, 'UPDATE') and has_table_privilege(c.oid, 'DELETE') as allowed
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind in ('r', 'p') and c.relname <> 'migration'`,
    [schema],
  )
  const deniedTables = rows.filter((row) => !row.allowed).map((row) => row.name)
  if (deniedTables.length > 0) return { schema, state: 'up to date', deniedTables }
  try {
    const version = await assertSchemaCompatibility(pool, schema)
    return { schema, state: version < LATEST_SCHEMA_VERSION ? 'outdated' : 'up to date', deniedTables }
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError) return { schema, state: 'missing', deniedTables }
    throw error
  }
}
