import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { wayBack } from '../../dashboard/way-back.js'
import { OPERATOR, startTestDashboard } from '../support/dashboard.js'
import { queuePlace, useDatabase } from '../support/servers.js'

describe('logging in from a deep link', () => {
  const database = useDatabase()
  let dashboard: RunningDashboard
  beforeAll(async () => {
    dashboard = await startTestDashboard({
      databaseUrl: database.url,
      queue: queuePlace('redis', database),
    })
  })
  afterAll(() => dashboard.close())

  function open(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(dashboard.url + path, { redirect: 'manual', headers: { accept: 'text/html' }, ...init })
  }

  function logIn(next: string, password = OPERATOR.password): Promise<Response> {
    const body = new URLSearchParams({ name: OPERATOR.name, password, next })
    return open('/login', { method: 'POST', headers: { origin: dashboard.url }, body })
  }

  it('leads back to the page that was wanted, also after a wrong password', async () => {
    const login = (await open('/users?q=a%40b')).headers.get('location') ?? ''
    expect(login).toBe('/login?next=%2Fusers%3Fq%3Da%2540b')
    const hidden = '<input type="hidden" name="next" value="/users?q=a%40b">'
    expect(await (await open(login)).text()).toContain(hidden)
    expect(await (await logIn('/users?q=a%40b', 'wrong')).text()).toContain(hidden)
    expect((await logIn('/users?q=a%40b')).headers.get('location')).toBe('/users?q=a%40b')
  })

  it('asks for the login also when a form is sent after the session has ended', async () => {
    const headers = { accept: 'text/html', origin: dashboard.url }
    const sent = await open('/pause', { method: 'POST', headers })
    expect([sent.status, sent.headers.get('location')]).toEqual([303, '/login'])
  })

  it.each([
    'https://elsewhere.example/',
    '//elsewhere.example/',
    '/\\elsewhere.example/',
    '/.//elsewhere.example/',
    'javascript:alert(1)',
    'users',
    '/login?next=/login',
    undefined,
  ])('never leads away: %s', (next) => {
    expect(wayBack(next)).toMatch(/^\/(?![/\\])(?!login)/)
  })
})
