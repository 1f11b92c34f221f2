import { get, request } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { SettingsError } from '../../config/settings.js'
import type { RunningDashboard } from '../../dashboard/run.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { basic, OPERATOR, post, startTestDashboard, VIEWER } from '../support/dashboard.js'
import { queuePlace, useDatabase } from '../support/servers.js'

const database = useDatabase()
let place: ReturnType<typeof queuePlace>
let queue: EventQueue

beforeAll(() => {
  place = queuePlace('redis', database)
  queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
})
afterAll(() => queue.close())

function start(env?: Record<string, string>): Promise<RunningDashboard> {
  return startTestDashboard({
    databaseUrl: database.url,
    queue: place,
    ...(env === undefined ? {} : { env }),
  })
}

describe('with two accounts', () => {
  let dashboard: RunningDashboard
  beforeAll(async () => {
    dashboard = await start()
  })
  afterAll(() => dashboard.close())
  beforeEach(() => queue.resume())

  it.each([
    '/',
    '/queues/',
    '/queues/api/queues',
    '/users?q=a',
    '/events',
    '/plots.json',
    '/runbook',
    '/pause',
  ])('shows a stranger nothing on %s', async (path) => {
    const response = await fetch(dashboard.url + path, { redirect: 'manual' })
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('Log in first, or send basic authentication.')
  })

  it('leads a stranger’s browser to the login page', async () => {
    const response = await fetch(dashboard.url, { redirect: 'manual', headers: { accept: 'text/html' } })
    expect([response.status, response.headers.get('location')]).toEqual([303, '/login'])
  })

  it('lets machines see its health without an account', async () => {
    expect(await (await fetch(`${dashboard.url}/healthz`)).json()).toEqual({ status: 'ok' })
    expect(await (await fetch(`${dashboard.url}/readyz`)).json()).toEqual({
      status: 'ready',
      database: 'ok',
      queue: 'ok',
    })
  })

  it('lets machines read its metrics, the whole system’s among them, while no worker runs', async () => {
    const figures = async () => (await fetch(`${dashboard.url}/metrics`)).text()
    await vi.waitFor(async () => expect(await figures()).toMatch(/^auto_enroll_users_without_enrollment \d/m))
    const text = await figures()
    expect(text).toMatch(/^auto_enroll_oldest_waiting_seconds 0$/m)
    expect(text).toMatch(/^auto_enroll_unfinished_jobs 0$/m)
    expect(text).toMatch(/^bullmq_job_count\{/m)
    expect(text).toMatch(/^process_cpu_seconds_total \d/m)
  })

  it('opens a session by name and password, and logging out ends it', async () => {
    const session = await cookieOf(await logIn(dashboard, OPERATOR.name, OPERATOR.password))
    expect(await statusWith(dashboard, { cookie: session })).toBe(200)

    const left = await fetch(`${dashboard.url}/logout`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: session, origin: dashboard.url },
    })
    expect(left.headers.get('location')).toBe('/login')
    expect(await statusWith(dashboard, { cookie: session })).toBe(401)
  })

  it('keeps the session from scripts and from other sites', async () => {
    const cookie = (await logIn(dashboard, VIEWER.name, VIEWER.password)).headers.get('set-cookie')
    expect(cookie).toMatch(/HttpOnly/)
    expect(cookie).toMatch(/SameSite=Lax/)
    expect(cookie).not.toContain(VIEWER.name)
  })

  it('mixes no name with the other’s password', async () => {
    expect((await logIn(dashboard, OPERATOR.name, VIEWER.password)).status).toBe(401)
    expect((await logIn(dashboard, OPERATOR.name, '')).status).toBe(401)
    expect((await logIn(dashboard, '', OPERATOR.password)).status).toBe(401)
  })

  it('lets an operator act', async () => {
    expect((await post(dashboard, '/pause', OPERATOR)).status).toBe(303)
    expect(await queue.isPaused()).toBe(true)
  })

  it.each(['/pause', '/resume', '/backfill', '/retry', '/enroll', '/tasks/stop'])(
    'refuses a viewer on %s, the preview and the act',
    async (path) => {
      expect((await post(dashboard, path, VIEWER)).status).toBe(403)
      expect((await fetch(dashboard.url + path, { headers: basic(VIEWER) })).status).toBe(403)
      expect(await queue.isPaused()).toBe(false)
    },
  )

  it('shows a viewer bull-board without its buttons, and refuses what changes something', async () => {
    const headers = { ...basic(VIEWER), origin: dashboard.url }
    const board = (await (await fetch(`${dashboard.url}/queues/api/queues`, { headers })).json()) as {
      queues: { name: string; readOnlyMode: boolean }[]
    }
    expect(board.queues).toMatchObject([{ name: 'user-created', readOnlyMode: true }])
    const paused = await fetch(`${dashboard.url}/queues/api/queues/user-created/pause`, {
      method: 'PUT',
      headers,
    })
    expect(paused.status).toBe(403)
    expect(await queue.isPaused()).toBe(false)
  })

  it('lets an operator work with bull-board, and writes it down', async () => {
    const headers = { ...basic(OPERATOR), origin: dashboard.url }
    const paused = await fetch(`${dashboard.url}/queues/api/queues/user-created/pause`, {
      method: 'PUT',
      headers,
    })
    expect(paused.status).toBe(200)
    expect(await queue.isPaused()).toBe(true)
    const [entry] = await database.sql(
      'select who, "through", action, result from auto_enroll.audit order by id desc limit 1',
    )
    expect(entry).toEqual({ who: OPERATOR.name, through: 'jobs', action: 'pause', result: 'done' })
  })

  it.each([
    ['no origin at all', {}],
    ['another origin', { origin: 'https://evil.example' }],
    ['an opaque origin', { origin: 'null' }],
    ['another site, whatever its origin', { origin: 'HERE', 'sec-fetch-site': 'cross-site' }],
    ['another site of the same domain', { origin: 'HERE', 'sec-fetch-site': 'same-site' }],
    ['a typed address', { 'sec-fetch-site': 'none' }],
  ])('refuses what changes something from %s', async (_, given: Record<string, string>) => {
    const headers: Record<string, string> = { ...basic(OPERATOR), ...given }
    if (given.origin === 'HERE') headers.origin = dashboard.url
    expect(await statusOf(dashboard, 'POST', '/pause', headers)).toBe(403)
    expect(await statusOf(dashboard, 'PUT', '/queues/api/queues/user-created/pause', headers)).toBe(403)
    expect(
      await statusOf(dashboard, 'PUT', '/queues/api/queues/pause', {
        ...headers,
        'content-type': 'application/json',
      }),
    ).toBe(403)
    expect(await queue.isPaused()).toBe(false)
  })

  it('sends strict headers on every page, and names no other host', async () => {
    for (const path of ['/', '/login', '/queues/', '/assets/live.js', '/nothing']) {
      const response = await fetch(dashboard.url + path, { headers: basic(VIEWER) })
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toMatch(/default-src 'none'.*script-src 'self';.*frame-ancestors 'none'/)
      expect(policy).not.toMatch(/https?:/)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      if (path !== '/assets/live.js') expect(await response.text()).not.toMatch(/(src|href)="https?:/)
    }
  })
})

describe('against guessing', () => {
  it('refuses an address after ten wrong passwords, even the right one, and leaves sessions alone', async () => {
    const dashboard = await start()
    try {
      const session = await cookieOf(await logIn(dashboard, OPERATOR.name, OPERATOR.password))
      for (let attempt = 0; attempt < 10; attempt += 1) {
        expect((await logIn(dashboard, OPERATOR.name, `wrong ${attempt}`)).status).toBe(401)
      }
      expect((await logIn(dashboard, OPERATOR.name, OPERATOR.password)).status).toBe(429)
      expect(await statusWith(dashboard, basic(OPERATOR))).toBe(429)
      expect(await statusWith(dashboard, { cookie: session })).toBe(200)
    } finally {
      await dashboard.close()
    }
  })

  it('lets a browser in that has logged in before, whatever others guess at its address', async () => {
    const dashboard = await start()
    try {
      const first = await logIn(dashboard, OPERATOR.name, OPERATOR.password)
      const cookie = cookiesOf(first)
      for (let attempt = 0; attempt < 10; attempt += 1) await logIn(dashboard, OPERATOR.name, 'wrong')
      expect((await logIn(dashboard, OPERATOR.name, OPERATOR.password, { cookie })).status).toBe(303)
      const forged = `auto_enroll_browser=${'A'.repeat(16)}.${'A'.repeat(43)}`
      for (const other of ['', forged, cookiesOf(await logIn(dashboard, VIEWER.name, VIEWER.password))]) {
        expect((await logIn(dashboard, OPERATOR.name, OPERATOR.password, { cookie: other })).status).toBe(429)
      }
      for (let attempt = 0; attempt < 10; attempt += 1) {
        await logIn(dashboard, OPERATOR.name, 'wrong', { cookie })
      }
      expect((await logIn(dashboard, OPERATOR.name, OPERATOR.password, { cookie })).status).toBe(429)
    } finally {
      await dashboard.close()
    }
  })

  it('counts what many addresses guess for one name, and locks out nobody who logged in before', async () => {
    const dashboard = await start()
    const from = (address: string) => ({ 'x-forwarded-for': address })
    try {
      await logIn(dashboard, OPERATOR.name, OPERATOR.password, from('192.0.2.1'))
      for (let attempt = 0; attempt < 500; attempt += 1) {
        const address = from(`2001:db8:0:${Math.floor(attempt / 10).toString(16)}::${attempt}`)
        expect((await logIn(dashboard, OPERATOR.name, 'wrong', address)).status).toBe(401)
      }
      const [stranger, friend] = [from('198.51.100.1'), from('192.0.2.1')]
      expect((await logIn(dashboard, OPERATOR.name, OPERATOR.password, stranger)).status).toBe(429)
      expect((await logIn(dashboard, VIEWER.name, VIEWER.password, stranger)).status).toBe(303)
      expect((await logIn(dashboard, OPERATOR.name, OPERATOR.password, friend)).status).toBe(303)
    } finally {
      await dashboard.close()
    }
  })

  it('takes an IPv6 network for one address', async () => {
    const dashboard = await start()
    const from = (address: string) => ({ forwarded: `for="[${address}]:443";proto=https` })
    try {
      for (let attempt = 0; attempt < 10; attempt += 1) {
        await logIn(dashboard, OPERATOR.name, 'wrong', from(`2001:db8::${attempt}`))
      }
      const right = (address: string) =>
        logIn(dashboard, OPERATOR.name, OPERATOR.password, from(address)).then(({ status }) => status)
      expect(await right('2001:db8:0:0:ffff::1')).toBe(429)
      expect(await right('2001:db8:0:1::1')).toBe(303)
    } finally {
      await dashboard.close()
    }
  })
})

describe('a body', () => {
  let dashboard: RunningDashboard
  beforeAll(async () => {
    dashboard = await start()
  })
  afterAll(() => dashboard.close())

  it.each([
    ['that says how long it is', { 'content-length': String(100 * 1024 * 1024) }],
    ['that does not', { 'transfer-encoding': 'chunked' }],
  ])('%s is refused before a stranger has sent more than a little', async (_, headers) => {
    expect(await statusAfter(dashboard, '/login', 32 * 1024, headers)).toBe(413)
    expect(await statusAfter(dashboard, '/pause', 32 * 1024, headers)).toBe(401)
    expect(await statusAfter(dashboard, '/logout', 32 * 1024, headers)).toBe(303)
  })

  it.each(['/retry', '/queues/api/queues/user-created/add'])(
    'of an operator is refused when it is too large (%s)',
    async (path) => {
      const headers = {
        ...basic(OPERATOR),
        'transfer-encoding': 'chunked',
        'content-type': 'application/json',
      }
      expect(await statusAfter(dashboard, path, 1232 * 1024, headers)).toBe(413)
    },
  )
})

describe('without a password', () => {
  it('is open to everybody on this machine, as the operator', async () => {
    const dashboard = await start({})
    try {
      expect(await statusWith(dashboard, {})).toBe(200)
      expect(await statusOf(dashboard, 'POST', '/resume', { origin: dashboard.url })).toBe(303)
    } finally {
      await dashboard.close()
    }
  })

  it('is closed to a name of another that leads here', async () => {
    const dashboard = await start({})
    try {
      expect(await statusOf(dashboard, 'GET', '/', { host: 'evil.example' })).toBe(401)
    } finally {
      await dashboard.close()
    }
  })

  it('refuses to start on any other address', () => {
    expect(() => start({ DASHBOARD_HOST: '0.0.0.0' })).toThrow(SettingsError)
    expect(() => start({ DASHBOARD_HOST: '0.0.0.0' })).toThrow(/DASHBOARD_HOST.*set a password/)
  })
})

describe('behind a proxy that names the user', () => {
  const env = { DASHBOARD_PROXY_USER_HEADER: 'X-Forwarded-User', DASHBOARD_PROXY_OPERATORS: 'olga, otto' }

  it('lets in whom it names: operators by the list, everybody else as a viewer', async () => {
    const dashboard = await start(env)
    try {
      expect(await statusWith(dashboard, {})).toBe(401)
      expect(await statusWith(dashboard, { 'x-forwarded-user': 'vera' })).toBe(200)
      const from = (user: string) => ({ origin: dashboard.url, 'x-forwarded-user': user })
      expect(await statusOf(dashboard, 'POST', '/resume', from('vera'))).toBe(403)
      expect(await statusOf(dashboard, 'POST', '/resume', from('otto'))).toBe(303)
    } finally {
      await dashboard.close()
    }
  })

  it.each(['DASHBOARD_TRUSTED_PROXIES', 'DASHBOARD_PROXY_ADDRESSES'])(
    'believes nobody but %s',
    async (name) => {
      const dashboard = await start({ ...env, [name]: '192.0.2.7' })
      try {
        expect(await statusWith(dashboard, { 'x-forwarded-user': 'olga' })).toBe(401)
      } finally {
        await dashboard.close()
      }
    },
  )

  it('believes a network of proxies', async () => {
    const dashboard = await start({ ...env, DASHBOARD_TRUSTED_PROXIES: '10.0.0.0/8, 127.0.0.0/8' })
    try {
      expect(await statusWith(dashboard, { 'x-forwarded-user': 'olga' })).toBe(200)
    } finally {
      await dashboard.close()
    }
  })

  it('does not believe two names, of which the client sent one', async () => {
    const dashboard = await start(env)
    try {
      expect(await statusWith(dashboard, { 'x-forwarded-user': 'olga, vera' })).toBe(401)
    } finally {
      await dashboard.close()
    }
  })

  it('believes no header unless one is set', async () => {
    const dashboard = await start()
    try {
      expect(await statusWith(dashboard, { 'x-forwarded-user': 'olga' })).toBe(401)
    } finally {
      await dashboard.close()
    }
  })
})

function logIn(
  dashboard: RunningDashboard,
  name: string,
  password: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${dashboard.url}/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: dashboard.url, ...headers },
    body: new URLSearchParams({ name, password }),
  })
}

async function cookieOf(response: Response): Promise<string> {
  expect([response.status, response.headers.get('location')]).toEqual([303, '/'])
  return response.headers.get('set-cookie')?.split(';')[0] ?? ''
}

/** The cookies that a response sets, as a browser sends them back. */
function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ')
}

/** The status that comes back after so many bytes of a body that never ends. */
function statusAfter(
  dashboard: RunningDashboard,
  path: string,
  bytes: number,
  headers: Record<string, string>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(dashboard.url + path, {
      method: 'POST',
      headers: { origin: dashboard.url, ...headers },
    })
    sent.on('response', (response) => {
      resolve(response.statusCode ?? 0)
      sent.destroy()
    })
    sent.on('error', reject)
    sent.write('a'.repeat(bytes))
  })
}

function statusWith(dashboard: RunningDashboard, headers: Record<string, string>): Promise<number> {
  return statusOf(dashboard, 'GET', '/', headers)
}

/** Not by `fetch`, which sets the headers that this is about as it likes. */
function statusOf(
  dashboard: RunningDashboard,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = get(dashboard.url + path, { method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.on('error', reject)
  })
}
