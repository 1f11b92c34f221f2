import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { QueueAddress } from '../config/queue-url.js'
import { leaveReplica } from './leave-replica.js'

/**
 * How a connection behaves while the queue is unreachable: `produce` gives up after `timeoutMs`, so that nobody waits;
 * `consume` waits and reconnects for as long as it takes.
 */
export type Profile = { mode: 'produce'; timeoutMs: number } | { mode: 'consume' }

/** Creates a client for one server, for the master that Sentinel names, or for a cluster. */
export function createRedisClient(
  address: Exclude<QueueAddress, { kind: 'postgres' }>,
  profile: Profile,
): Redis | Cluster {
  const options: RedisOptions = {
    ...address.credentials,
    ...(address.tls ? { tls: {} } : {}),
    ...timing(profile),
    // A Worker whose connection has not been opened yet gives up for good when the first attempt fails.
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
        // With TLS the announced host names must match the certificates, so they are not resolved first.
        ...(address.tls ? { dnsLookup: (name, callback) => callback(null, name) } : {}),
      })
  }
}

/** Without it, a Sentinel that accepts connections but never replies would keep the next one from being asked. */
const SENTINEL_TIMEOUT_MS = 5000

/** Longer than a worker's blocking read, which takes up to 10 s. */
const CONSUMER_SILENCE_MS = 15_000
const PRODUCER_SILENCE_MS = 2000

/**
 * A connection that stays silent although a reply is due is closed and opened again: its server may be gone. The operating
 * system alone notices that only after a quarter of an hour.
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
        // A closed connection to a silent server keeps the process alive for this long.
        disconnectTimeout: profile.timeoutMs,
      }
}

function retryDelayMs(attempt: number): number {
  return Math.min(attempt * 100, 2000)
}
