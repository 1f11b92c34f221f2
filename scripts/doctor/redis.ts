import type { RedisFacts } from '../../queue/inspect.js'
import { type Check, failed, ok, warning } from './check.js'

const MINIMUM_VERSION = [6, 2] as const

/** Judges the Redis servers that hold the queue; what differs names the server. */
export function judgeRedis(servers: readonly RedisFacts[]): Check[] {
  return [judgeVersion(servers), judgeEviction(servers), judgePersistence(servers), ...judgeWrites(servers)]
}

function judgeVersion(servers: readonly RedisFacts[]): Check {
  const old = servers.filter(({ version }) => version !== undefined && isOlder(version))
  if (old.length > 0) {
    return failed(
      'redis-version',
      `${named(old, ({ version }) => `Redis ${version}`)} is older than ${MINIMUM_VERSION.join('.')}`,
      'upgrade it: what the queue relies on is missing there',
    )
  }
  const versions = [...new Set(servers.map(({ version }) => version ?? 'unknown'))]
  return ok('redis-version', versions.join(', '))
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < MINIMUM_VERSION[0] || (major === MINIMUM_VERSION[0] && minor < MINIMUM_VERSION[1])
}

function judgeEviction(servers: readonly RedisFacts[]): Check {
  const evicting = servers.filter(({ evictionPolicy }) => evictionPolicy !== 'noeviction')
  const [unknown] = evicting.filter(({ evictionPolicy }) => evictionPolicy === undefined)
  if (unknown !== undefined) {
    return warning(
      'eviction',
      `${unknown.address} does not show its maxmemory-policy`,
      'make sure that it is noeviction: any other drops jobs silently when memory is short',
    )
  }
  if (evicting.length === 0) return ok('eviction', 'noeviction')
  return warning(
    'eviction',
    `maxmemory-policy is ${named(evicting, ({ evictionPolicy }) => String(evictionPolicy))}: jobs silently vanish when memory is short`,
    'CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
  )
}

function judgePersistence(servers: readonly RedisFacts[]): Check {
  const name = 'persistence'
  const [unknown] = servers.filter(({ appendOnlyFile }) => appendOnlyFile === undefined)
  if (unknown !== undefined) {
    return warning(
      name,
      `${unknown.address} does not show whether it keeps an append-only file`,
      'turn it on',
    )
  }
  const volatile = servers.filter(({ appendOnlyFile }) => appendOnlyFile === false)
  if (volatile.length === 0) return ok(name, 'append-only file')
  return warning(
    name,
    `${named(volatile, () => 'no append-only file')}: a restart of Redis loses the jobs since the last snapshot, if there ` +
      'is one, and failed jobs; the reconciler queues users without enrollments again',
    'CONFIG SET appendonly yes, and the same in redis.conf',
  )
}

function judgeWrites(servers: readonly RedisFacts[]): Check[] {
  return [
    ...servers
      .filter(({ isReplica }) => isReplica)
      .map(({ address }) =>
        failed(
          'redis-writes',
          `${address} is a replica and accepts no writes`,
          'point QUEUE_URL to the primary',
        ),
      ),
    ...servers
      .filter(({ isFull }) => isFull)
      .map(({ address }) =>
        failed(
          'redis-writes',
          `${address} is out of memory (maxmemory) and accepts no events`,
          'raise maxmemory, or remove what else is stored there',
        ),
      ),
    ...servers
      .filter(({ snapshotFailed }) => snapshotFailed)
      .map(({ address }) =>
        warning(
          'redis-writes',
          `${address} failed to write its last snapshot, and may refuse writes until it can`,
          'see its log; most often its disk is full',
        ),
      ),
  ]
}

/** A single server is not named, since the check of the queue has named it. */
function named(servers: readonly RedisFacts[], describe: (server: RedisFacts) => string): string {
  const [first] = servers
  if (first === undefined) return ''
  return servers.length === 1
    ? describe(first)
    : servers.map((server) => `${describe(server)} (${server.address})`).join(', ')
}
