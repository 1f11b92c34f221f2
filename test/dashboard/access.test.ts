import { get } from 'node:http'
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
  ])('tells a stranger nothing on %s', async (path) => {
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
    [
      'another origin that claims to be this',
      { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    ],
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
})

describe('without a password', () => {
  it('is open to whoever is on this machine, as the operator', async () => {
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

  it('believes nobody but the proxy', async () => {
    const dashboard = await start({ ...env, DASHBOARD_PROXY_ADDRESSES: '192.0.2.7' })
    try {
      expect(await statusWith(dashboard, { 'x-forwarded-user': 'olga' })).toBe(401)
    } finally {
      await dashboard.close()
    }
  })

  it('believes no header at all unless it is told to', async () => {
    const dashboard = await start()
    try {
      expect(await statusWith(dashboard, { 'x-forwarded-user': 'olga' })).toBe(401)
    } finally {
      await dashboard.close()
    }
  })
})

function logIn(dashboard: RunningDashboard, name: string, password: string): Promise<Response> {
  return fetch(`${dashboard.url}/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: dashboard.url },
    body: new URLSearchParams({ name, password }),
  })
}

async function cookieOf(response: Response): Promise<string> {
  expect([response.status, response.headers.get('location')]).toEqual([303, '/'])
  return response.headers.get('set-cookie')?.split(';')[0] ?? ''
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
    const request = get(dashboard.url + path, { method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', reject)
  })
}
