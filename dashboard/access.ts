import { createHash, timingSafeEqual } from 'node:crypto'
import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context, MiddlewareHandler } from 'hono'
import { getCookie } from 'hono/cookie'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { LOOPBACK, type Settings } from '../config/settings.js'
import type { Person, Visit } from './person.js'
import { createSessions, SESSION_COOKIE, type Sessions } from './sessions.js'

export type AccessSettings = Pick<
  Settings,
  | 'DASHBOARD_USER'
  | 'DASHBOARD_PASSWORD'
  | 'DASHBOARD_VIEWER_USER'
  | 'DASHBOARD_VIEWER_PASSWORD'
  | 'DASHBOARD_PROXY_USER_HEADER'
  | 'DASHBOARD_PROXY_ADDRESSES'
  | 'DASHBOARD_PROXY_OPERATORS'
>

type LogIn = { status: 'in'; person: Person } | { status: 'refused' } | { status: 'too-many-attempts' }

export interface Access {
  sessions: Sessions
  /** Who makes this request, or `undefined` for nobody we know. */
  personOf(c: Context): Promise<(Person & { hasSession: boolean }) | 'too-many-attempts' | undefined>
  /** Checks a name and a password; wrong ones are counted against the address they came from. */
  logIn(c: Context, name: string, password: string): Promise<LogIn>
}

/** Wrong passwords that an address may send in a quarter of an hour. */
const ATTEMPTS = { points: 10, duration: 15 * 60 }

/**
 * Who may open the page: whoever the trusted proxy names, where one is set; the two accounts, by session or basic
 * authentication, where they have passwords; else everybody on this machine, as the operator.
 */
export function createAccess(settings: AccessSettings): Access {
  const sessions = createSessions()
  const attempts = new RateLimiterMemory(ATTEMPTS)
  const accounts = accountsOf(settings)
  const proxied = settings.DASHBOARD_PROXY_USER_HEADER !== undefined

  async function logIn(c: Context, name: string, password: string): Promise<LogIn> {
    const address = addressOf(c)
    const before = await attempts.get(address)
    if (before !== null && before.remainingPoints <= 0) return { status: 'too-many-attempts' }
    // Every account is compared, so that the time tells nothing of which names exist.
    const [person] = accounts.filter((account) => {
      const [rightName, rightPassword] = [same(name, account.name), same(password, account.password)]
      return rightName && rightPassword
    })
    if (person !== undefined) return { status: 'in', person: { name: person.name, role: person.role } }
    await attempts.consume(address).catch(() => undefined)
    return { status: 'refused' }
  }

  return {
    sessions,
    logIn,
    async personOf(c) {
      const fromProxy = proxied ? proxyUser(c, settings) : undefined
      if (fromProxy !== undefined) return { ...fromProxy, hasSession: false }
      const session = sessions.find(getCookie(c, SESSION_COOKIE))
      if (session !== undefined) return { ...session, hasSession: true }
      const given = basicCredentials(c)
      if (given !== undefined && accounts.length > 0) {
        const attempt = await logIn(c, given.name, given.password)
        if (attempt.status === 'too-many-attempts') return 'too-many-attempts'
        if (attempt.status === 'in') return { ...attempt.person, hasSession: false }
      }
      if (accounts.length > 0 || proxied) return undefined
      return isLocal(c) ? { name: 'local', role: 'operator', hasSession: false } : undefined
    },
  }
}

/** Refuses whoever only reads. */
export const operatorsOnly: MiddlewareHandler<Visit> = async (c, next) => {
  if (c.get('person').role !== 'operator') {
    return c.text('This needs the operator’s account; yours is a viewer’s.', 403)
  }
  return next()
}

function accountsOf(settings: AccessSettings): (Person & { password: string })[] {
  const { DASHBOARD_PASSWORD, DASHBOARD_VIEWER_PASSWORD } = settings
  return [
    ...(DASHBOARD_PASSWORD === undefined
      ? []
      : [{ name: settings.DASHBOARD_USER, password: DASHBOARD_PASSWORD, role: 'operator' as const }]),
    ...(DASHBOARD_VIEWER_PASSWORD === undefined
      ? []
      : [
          {
            name: settings.DASHBOARD_VIEWER_USER,
            password: DASHBOARD_VIEWER_PASSWORD,
            role: 'viewer' as const,
          },
        ]),
  ]
}

/** In constant time, whatever the lengths. */
function same(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function proxyUser(c: Context, settings: AccessSettings): Person | undefined {
  const name = c.req.header(settings.DASHBOARD_PROXY_USER_HEADER ?? '')?.trim()
  if (name === undefined || name === '' || !settings.DASHBOARD_PROXY_ADDRESSES.includes(addressOf(c)))
    return undefined
  return { name, role: settings.DASHBOARD_PROXY_OPERATORS.includes(name) ? 'operator' : 'viewer' }
}

/** The address of the peer; an IPv4 address as such also when it came over IPv6. */
function addressOf(c: Context): string {
  return (getConnInfo(c).remote.address ?? '').replace(/^::ffff:/, '')
}

/** A page of another site could have its name resolve to this machine; the Host header tells. */
function isLocal(c: Context): boolean {
  const { hostname } = new URL(c.req.url)
  return LOOPBACK.includes(hostname.replace(/^\[|\]$/g, '')) || hostname.endsWith('.localhost')
}

function basicCredentials(c: Context): { name: string; password: string } | undefined {
  const [, encoded] = /^Basic ([\w+/=-]+)$/i.exec(c.req.header('authorization') ?? '') ?? []
  if (encoded === undefined) return undefined
  const [name = '', ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  return { name, password: password.join(':') }
}
