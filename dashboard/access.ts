import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Settings } from '../config/settings.js'
import { createAttempts } from './attempts.js'
import { type ClientReader, comesFromProxy, createClientReader, signOfElsewhere } from './client.js'
import { BROWSER_COOKIE, createKnownBrowsers } from './known-browsers.js'
import type { Person, Visit } from './person.js'
import { createSessions, SESSION_COOKIE, type Sessions } from './sessions.js'

export type AccessSettings = Pick<
  Settings,
  | 'DASHBOARD_USER'
  | 'DASHBOARD_PASSWORD'
  | 'DASHBOARD_VIEWER_USER'
  | 'DASHBOARD_VIEWER_PASSWORD'
  | 'DASHBOARD_PROXY_USER_HEADER'
  | 'DASHBOARD_TRUSTED_PROXIES'
  | 'DASHBOARD_PROXY_OPERATORS'
>

type LogIn =
  /** `browserCookie` lets this browser log in while strangers guess the account's password. */
  { status: 'in'; person: Person; browserCookie: string } | { status: 'refused' | 'too-many-attempts' }

/** Who makes a request, or why nobody gets in with it. */
type Entry =
  | { status: 'in'; person: Person; hasSession: boolean }
  | { status: 'too-many-attempts' }
  | { status: 'refused'; why: string; canLogIn: boolean }

export interface Access {
  sessions: Sessions
  clientOf: ClientReader
  enter(c: Context): Promise<Entry>
  /** Checks a name and a password; wrong passwords are counted. */
  logIn(c: Context, name: string, password: string): Promise<LogIn>
}

/**
 * Decides who may open the page: anyone whom the trusted proxy names, if it names users; the two accounts, by session or
 * basic authentication, if they have passwords; otherwise everybody on this machine, as the operator.
 */
export function createAccess(settings: AccessSettings): Access {
  const sessions = createSessions()
  const attempts = createAttempts()
  const accounts = accountsOf(settings)
  const browsers = createKnownBrowsers(accounts)
  const clientOf = createClientReader(settings.DASHBOARD_TRUSTED_PROXIES)

  async function logIn(c: Context, name: string, password: string): Promise<LogIn> {
    const browser = browsers.recognize(name, getCookie(c, BROWSER_COOKIE))
    const attempt = { name, address: clientOf(c).address, browser }
    // Every account is compared, so that the time shows nothing of which names exist.
    const [account] = accounts.filter((account) => {
      const [rightName, rightPassword] = [same(name, account.name), same(password, account.password)]
      return rightName && rightPassword
    })
    if (account === undefined) {
      return { status: (await attempts.countWrong(attempt)) ? 'too-many-attempts' : 'refused' }
    }
    if (await attempts.areTooMany(attempt)) return { status: 'too-many-attempts' }
    attempts.noteRight(attempt)
    const { role } = account
    return { status: 'in', person: { name, role }, browserCookie: browsers.introduce(name) }
  }

  return {
    sessions,
    clientOf,
    logIn,
    async enter(c) {
      const fromProxy = proxyUser(c, settings)
      if (fromProxy !== undefined) return { status: 'in', person: fromProxy, hasSession: false }
      const session = sessions.find(getCookie(c, SESSION_COOKIE))
      if (session !== undefined) return { status: 'in', person: session, hasSession: true }
      const given = basicCredentials(c)
      if (given !== undefined && accounts.length > 0) {
        const attempt = await logIn(c, given.name, given.password)
        if (attempt.status === 'in') return { ...attempt, hasSession: false }
        if (attempt.status === 'too-many-attempts') return { status: attempt.status }
      }
      return accounts.length > 0 || settings.DASHBOARD_PROXY_USER_HEADER !== undefined
        ? refusal(settings, accounts.length > 0)
        : enterFromHere(c)
    },
  }
}

/** Refuses viewers. */
export const operatorsOnly: MiddlewareHandler<Visit> = async (c, next) => {
  if (c.get('person').role !== 'operator') {
    return c.text('This needs the operator’s account; yours is a viewer’s.', 403)
  }
  return next()
}

function accountsOf(settings: AccessSettings): (Person & { password: string })[] {
  const { DASHBOARD_USER, DASHBOARD_PASSWORD, DASHBOARD_VIEWER_USER, DASHBOARD_VIEWER_PASSWORD } = settings
  return [
    { name: DASHBOARD_USER, password: DASHBOARD_PASSWORD, role: 'operator' as const },
    { name: DASHBOARD_VIEWER_USER, password: DASHBOARD_VIEWER_PASSWORD, role: 'viewer' as const },
  ].flatMap(({ password, ...person }) => (password === undefined ? [] : [{ ...person, password }]))
}

/** In constant time, whatever the lengths. */
function same(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Two names, which Node joins by a comma, mean that the proxy let a header of the client through. */
function proxyUser(c: Context, settings: AccessSettings): Person | undefined {
  const { DASHBOARD_PROXY_USER_HEADER, DASHBOARD_PROXY_OPERATORS, DASHBOARD_TRUSTED_PROXIES } = settings
  if (DASHBOARD_PROXY_USER_HEADER === undefined) return undefined
  const name = c.req.header(DASHBOARD_PROXY_USER_HEADER)?.trim()
  if (name === undefined || !/^[^,]{1,200}$/.test(name)) return undefined
  if (!comesFromProxy(c, DASHBOARD_TRUSTED_PROXIES)) return undefined
  return { name, role: DASHBOARD_PROXY_OPERATORS.includes(name) ? 'operator' : 'viewer' }
}

function refusal({ DASHBOARD_PROXY_USER_HEADER }: AccessSettings, canLogIn: boolean): Entry {
  const why = canLogIn
    ? 'Log in first, or send basic authentication.'
    : `Sign in through the proxy: no proxy of DASHBOARD_TRUSTED_PROXIES named you in ${DASHBOARD_PROXY_USER_HEADER}.`
  return { status: 'refused', why, canLogIn }
}

function enterFromHere(c: Context): Entry {
  const sign = signOfElsewhere(c)
  if (sign === undefined)
    return { status: 'in', person: { name: 'local', role: 'operator' }, hasSession: false }
  return {
    status: 'refused',
    why:
      `Without a password this page is for its own machine only, and this request comes from elsewhere (${sign}). ` +
      'Set DASHBOARD_PASSWORD, or DASHBOARD_PROXY_USER_HEADER if a proxy signs users in.',
    canLogIn: false,
  }
}

function basicCredentials(c: Context): { name: string; password: string } | undefined {
  const [, encoded] = /^Basic ([\w+/=-]+)$/i.exec(c.req.header('authorization') ?? '') ?? []
  if (encoded === undefined) return undefined
  const [name = '', ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  return { name, password: password.join(':') }
}
