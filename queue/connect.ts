import { setTimeout as delay } from 'node:timers/promises'
import type { BackendFactory } from 'bullmq'
import type { Cluster, Redis } from 'ioredis'
import type pg from 'pg'
import { parseQueueUrl } from '../config/queue-url.js'
import { SessionPool } from '../config/session-pool.js'
import { boundedRedisBackend } from './bounded-reads.js'
import { postgresBackend } from './postgres-backend.js'
import { createRedisClient, type Profile } from './redis-client.js'
import { queueSchema } from './schema-name.js'

type Connection = Redis | Cluster | pg.Pool

/** A connection to the queue, for BullMQ's `Queue` and `Worker`. */
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
  /** The client under BullMQ, for anything BullMQ has no method for. */
  client: Connection
  /** Closes the connection at once, without waiting for the server. */
  disconnect(): Promise<void>
}

export interface LinkOptions {
  url: string
  prefix: string
  profile: Profile
  onError: (error: Error) => void
}

/** Prepares a connection to the queue at `url`. A producer's is opened when it is first used. */
export function linkQueue({ url, prefix, profile, onError }: LinkOptions): QueueLink {
  const address = parseQueueUrl(url)
  if (address.kind === 'postgres') return linkPostgres(address.url, prefix, profile, onError)

  const client = createRedisClient(address, profile)
  client.on('error', onError)
  return {
    kind: 'redis',
    options: {
      connection: client,
      prefix,
      // Without both, a Queue created while Redis is down hangs at first and never works afterwards.
      ...(profile.mode === 'produce' ? { skipWaitingForReady: true, skipVersionCheck: true } : {}),
    },
    backend: boundedRedisBackend(client) as QueueLink['backend'],
    client,
    disconnect: async () => client.disconnect(),
  }
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
  // BullMQ removes all listeners of a connection before closing it; an error at that point must not crash the process.
  pool.on('release', (error, client) => {
    if (error) client.on('error', () => undefined)
  })
  return {
    kind: 'postgres',
    options: { connection: pool, prefix },
    backend: postgresBackend({ pool, schema, waits: profile.mode === 'consume' }) as QueueLink['backend'],
    client: pool,
    // With a server that does not respond, ending the pool would take forever.
    disconnect: () => Promise.race([pool.end(), delay(1000, undefined, { ref: false })]),
  }
}
