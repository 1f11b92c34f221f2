import { isPostgresUrl } from './postgres-url.js'

/** Where the queue lives, parsed from `QUEUE_URL`. */
export type QueueAddress =
  | { kind: 'redis'; hosts: [Host]; credentials: Credentials; tls: boolean; db: number }
  | { kind: 'cluster'; hosts: Host[]; credentials: Credentials; tls: boolean }
  | { kind: 'sentinel'; hosts: Host[]; credentials: Credentials; tls: boolean; db: number; master: string }
  | { kind: 'postgres'; url: string }

interface Host {
  host: string
  port: number
}

interface Credentials {
  username?: string
  password?: string
}

export const QUEUE_URL_FORMS =
  'redis://host:6379, rediss://host:6379, redis+cluster://h1:7000,h2:7000, ' +
  'redis+sentinel://h1:26379,h2:26379/master-name or postgres://user@host/database'

const URL_PARTS = /^([a-z+]+):\/\/(?:([^@/]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i
const DEFAULT_PORT = { redis: 6379, cluster: 6379, sentinel: 26379 }

/**
 * Parses a queue URL: `redis:` and `rediss:` for one server, `redis+cluster:` and `redis+sentinel:` (`rediss+…`
 * with TLS) for several separated by commas, `postgres:` for BullMQ's PostgreSQL backend.
 *
 * @throws {Error} whose message says what is wrong and never repeats the URL, which may contain a password
 */
export function parseQueueUrl(text: string): QueueAddress {
  const [, scheme = '', login, hostList = '', path = ''] = URL_PARTS.exec(text.trim()) ?? []
  switch (scheme.toLowerCase()) {
    case 'postgres':
    case 'postgresql':
      if (!isPostgresUrl(text.trim())) throw new Error('is not a readable postgres:// URL')
      return { kind: 'postgres', url: text.trim() }
    case 'redis':
    case 'rediss': {
      const [host, ...more] = hosts(hostList, DEFAULT_PORT.redis)
      if (host === undefined || more.length > 0) {
        throw new Error(
          `names ${more.length + 1} hosts; for several use redis+cluster://h1:p,h2:p or redis+sentinel://h1:p,h2:p/name`,
        )
      }
      return { kind: 'redis', hosts: [host], ...access(scheme, login), db: database(path) }
    }
    case 'redis+cluster':
    case 'rediss+cluster':
      if (database(path) !== 0) throw new Error('names a database, but Redis Cluster has only database 0')
      return { kind: 'cluster', hosts: hosts(hostList, DEFAULT_PORT.cluster), ...access(scheme, login) }
    case 'redis+sentinel':
    case 'rediss+sentinel': {
      const [master = '', db = ''] = path.split('/')
      if (master === '') throw new Error('lacks the master name: redis+sentinel://h1:26379,h2:26379/NAME')
      return {
        kind: 'sentinel',
        hosts: hosts(hostList, DEFAULT_PORT.sentinel),
        ...access(scheme, login),
        master: decode(master),
        db: database(db),
      }
    }
    default:
      throw new Error(scheme === '' ? 'is not a URL' : `has the scheme "${scheme}:", which is not supported`)
  }
}

/** What is wrong with a queue URL and what is expected; `undefined` if it is fine. */
export function queueUrlProblem(url: string): string | undefined {
  try {
    parseQueueUrl(url)
    return undefined
  } catch (error) {
    return `${(error as Error).message}; expected ${QUEUE_URL_FORMS}`
  }
}

/** A Redis Cluster keeps a queue's keys together only under a prefix with a `{hash tag}`. */
export function prefixProblem(url: string, prefix: string): string | undefined {
  if (parseQueueUrl(url).kind !== 'cluster' || /\{[^{}]+\}/.test(prefix)) return undefined
  return 'expected a name in braces, such as {auto-enroll}, because the queue is on a Redis Cluster'
}

/** Partitions spread a queue over the nodes of a Redis Cluster; on Postgres there is always one. */
export function partitionsProblem(url: string, partitions: number): string | undefined {
  if (partitions === 1 || parseQueueUrl(url).kind !== 'postgres') return undefined
  return 'expected 1, because the queue is on Postgres; partitions spread it over a Redis Cluster'
}

function hosts(list: string, defaultPort: number): Host[] {
  return list.split(',').map((item) => {
    const text = `redis://${item.trim()}`
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || url.hostname === '' || url.port === '0') {
      throw new Error('lacks a readable host or port')
    }
    return {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? defaultPort : Number(url.port),
    }
  })
}

function access(scheme: string, login: string | undefined): { tls: boolean; credentials: Credentials } {
  const tls = scheme.toLowerCase().startsWith('rediss')
  if (login === undefined || login === '') return { tls, credentials: {} }
  const colon = login.indexOf(':')
  const username = colon < 0 ? login : login.slice(0, colon)
  const password = colon < 0 ? '' : login.slice(colon + 1)
  return {
    tls,
    credentials: {
      ...(username === '' ? {} : { username: decode(username) }),
      ...(password === '' ? {} : { password: decode(password) }),
    },
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('has a name or password that is not percent-encoded correctly')
  }
}

function database(path: string): number {
  if (path === '') return 0
  if (!/^\d{1,5}$/.test(path)) throw new Error('has a path that is not a database number: expected /0, /1, …')
  return Number(path)
}
