import { setTimeout as delay } from 'node:timers/promises'
import type { BackendFactory } from 'bullmq'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type pg from 'pg'
import { parseQueueUrl, type QueueAddress } from '../config/queue-url.js'
import { SessionPool } from '../config/session-pool.js'
import { boundedRedisBackend } from './bounded-reads.js'
import { leaveReplica } from './leave-replica.js'
import { postgresBackend } from './postgres-backend.js'
import { queueSchema } from './schema-name.js'

/**
 * How a connection behaves when the queue is away: `produce` gives up after `timeoutMs`, so that nobody waits;
 * `consume` waits and reconnects for as long as it takes.
 */
type Profile = { mode: 'produce'; timeoutMs: number } | { mode: 'consume' }

type Connection = Redis | Cluster | pg.Pool

/** A connection to the queue, to be handed to BullMQ's `Queue` and `Worker`. */
export interface QueueLink {
  kind: 'redis' | 'postgres'
  /** Constructor options of a `Queue` or `Worker`. */
  options: {
    connection: Connection
    prefix: string
    skipWaitingForReady?: boolean
    skipVersionCheck?: boolean
  }
  /** Last constructor argument of a `Queue` or `Worker`. */
  backend: BackendFactory<ReturnType<BackendFactory>, Connection>
  /** The client that BullMQ was given, for what BullMQ has no call for. */
  client: Connection
  /** Drops the connection at once, without waiting for the server. */
  disconnect(): Promise<void>
}

export interface LinkOptions {
  url: string
  prefix: string
  profile: Profile
  onError: (error: Error) => void
}

/** Prepares a connection to the queue that `url` names. A producer's connects when it is first used. */
export function linkQueue({ url, prefix, profile, onError }: LinkOptions): QueueLink {
  const address = parseQueueUrl(url)
  if (address.kind === 'postgres') return linkPostgres(address.url, prefix, profile, onError)

  const client = openRedis(address, profile)
  client.on('error', onError)
  return {
    kind: 'redis',
    options: {
      connection: client,
      prefix,
      // Without both, a Queue made while Redis is away hangs at first and is useless for good after.
      ...(profile.mode === 'produce' ? { skipWaitingForReady: true, skipVersionCheck: true } : {}),
    },
    backend: boundedRedisBackend(client) as QueueLink['backend'],
    client,
    disconnect: async () => client.disconnect(),
  }
}

function openRedis(address: Exclude<QueueAddress, { kind: 'postgres' }>, profile: Profile): Redis | Cluster {
  const options: RedisOptions = {
    ...address.credentials,
    ...(address.tls ? { tls: {} } : {}),
    ...timing(profile),
    // A Worker that finds its connection unopened gives up for good when the first try to open it fails.
    lazyConnect: profile.mode === 'produce',
    reconnectOnError: leaveReplica(),
    connectionName: 'auto-enroll',
  }
  switch (address.kind) {
    case 'redis':
      return new Redis({ ...options, ...address.hosts[0], db: address.db })
    case 'sentinel':
      return new Redis({
        ...options,
        sentinels: address.hosts,
        name: address.master,
        db: address.db,
        ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
      })
    case 'cluster':
      return new Cluster(address.hosts, {
        redisOptions: options,
        lazyConnect: profile.mode === 'produce',
        clusterRetryStrategy: retryDelayMs,
        // Servers behind TLS announce names that certificates hold, so they are not resolved first.
        ...(address.tls ? { dnsLookup: (name, callback) => callback(null, name) } : {}),
      })
  }
}

/** A sentinel that accepts and never answers would otherwise be waited for in vain, and the next one never asked. */
const SENTINEL_TIMEOUT_MS = 5000

/** A worker's blocking read, which lasts 10 s at most, must outlast any timeout. */
const CONSUMER_SILENCE_MS = 15_000
const PRODUCER_SILENCE_MS = 2000

/**
 * A connection on which nothing came for a while, though something was asked, is dropped and opened anew: its server may
 * be gone and the connection half open, which the system by itself finds out after a quarter of an hour.
 */
function timing(profile: Profile): RedisOptions {
  return profile.mode === 'consume'
    ? {
        maxRetriesPerRequest: null,
        retryStrategy: retryDelayMs,
        keepAlive: 10_000,
        socketTimeout: CONSUMER_SILENCE_MS,
        sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
      }
    : {
        maxRetriesPerRequest: 1,
        retryStrategy: retryDelayMs,
        commandTimeout: profile.timeoutMs,
        connectTimeout: Math.max(profile.timeoutMs, 1000),
        keepAlive: 10_000,
        socketTimeout: Math.max(profile.timeoutMs, PRODUCER_SILENCE_MS),
        sentinelCommandTimeout: profile.timeoutMs,
        // Once closed, what is left of a connection to a silent server would keep the process alive for so long.
        disconnectTimeout: profile.timeoutMs,
      }
}

function retryDelayMs(attempt: number): number {
  return Math.min(attempt * 100, 2000)
}

function linkPostgres(
  url: string,
  prefix: string,
  profile: Profile,
  onError: (error: Error) => void,
): QueueLink {
  const schema = queueSchema(prefix)
  const pool = new SessionPool({
    url,
    application_name: 'auto-enroll queue',
    schema,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    allowExitOnIdle: true,
    ...(profile.mode === 'produce'
      ? { connectionTimeoutMillis: profile.timeoutMs, query_timeout: profile.timeoutMs, max: 5 }
      : { connectionTimeoutMillis: 10_000, query_timeout: 30_000 }),
  })
  pool.on('error', onError)
  // BullMQ takes all listeners off a connection before closing it; one that breaks then must not end the process.
  pool.on('release', (error, client) => {
    if (error) client.on('error', () => undefined)
  })
  return {
    kind: 'postgres',
    options: { connection: pool, prefix },
    backend: postgresBackend({ pool, schema, waits: profile.mode === 'consume' }) as QueueLink['backend'],
    client: pool,
    // A server that does not answer would keep the pool ending for ever.
    disconnect: () => Promise.race([pool.end(), delay(1000, undefined, { ref: false })]),
  }
}
