import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { type Authority, type Certificate, makeAuthority, OPENSSL } from '../support/certificates.js'
import { OPERATOR, startTestDashboard } from '../support/dashboard.js'
import { NGINX, type ProxyOptions, type ReverseProxy, startNginx } from '../support/nginx.js'
import { ensurePrograms } from '../support/programs.js'
import { queuePlace, useDatabase } from '../support/servers.js'

const FORWARDED_FOR = 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for'
const FORWARDED_PROTO = 'proxy_set_header X-Forwarded-Proto $scheme'
const SAME_HOST = 'proxy_set_header Host $http_host'

const database = useDatabase()
let place: ReturnType<typeof queuePlace>
let queue: EventQueue
let authority: Authority
let certificate: Certificate
let running: { stop(): Promise<void> }[] = []

beforeAll(async () => {
  await ensurePrograms([NGINX, OPENSSL])
  place = queuePlace('redis', database)
  queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
  authority = await makeAuthority()
  certificate = await authority.issue('localhost')
})
afterEach(async () => {
  for (const { stop } of running.reverse()) await stop()
  running = []
})
afterAll(async () => {
  await queue.close()
  await authority.remove()
})

async function start(env?: Record<string, string>): Promise<RunningDashboard> {
  const dashboard = await startTestDashboard({
    databaseUrl: database.url,
    queue: place,
    ...(env === undefined ? {} : { env }),
  })
  running.push({ stop: () => dashboard.close() })
  return dashboard
}

async function startProxy(options: ProxyOptions): Promise<ReverseProxy> {
  const proxy = await startNginx(options)
  running.push(proxy)
  return proxy
}

describe('without a password, behind a proxy on the same machine', () => {
  it.each([
    ['as it is by default', []],
    ['that keeps the host', [SAME_HOST, 'proxy_http_version 1.1']],
    ['that names the client', ['proxy_http_version 1.1', FORWARDED_FOR]],
    [
      'that names the client by its own header',
      ['proxy_http_version 1.1', 'proxy_set_header X-Real-IP $remote_addr'],
    ],
    ['that follows RFC 7239', ['proxy_http_version 1.1', 'proxy_set_header Forwarded "for=$remote_addr"']],
    ['that names itself', ['proxy_http_version 1.1', 'proxy_set_header Via "1.1 gate"']],
  ])('%s, a stranger sees nothing, changes nothing and reads what to set', async (_, directives) => {
    const dashboard = await start({})
    const { port } = await startProxy({ upstream: dashboard.url, directives })
    const from = { host: `dash.example:${port}`, 'sec-fetch-site': 'same-origin' }
    for (const accept of ['text/html', '*/*']) {
      const seen = await send({ port, path: '/users?q=a', headers: { ...from, accept } })
      expect(seen.status).toBe(401)
      expect(seen.body).toMatch(/DASHBOARD_PASSWORD/)
    }
    const acted = await send({ port, path: '/pause', method: 'POST', headers: from })
    expect(acted.status).toBe(401)
    expect(await queue.isPaused()).toBe(false)
  })

  it('a browser’s own words that its page is elsewhere are enough', async () => {
    const dashboard = await start({})
    const { port } = new URL(dashboard.url)
    const headers = { 'sec-fetch-site': 'same-origin', origin: 'https://dash.example' }
    expect(await send({ port: Number(port), path: '/pause', method: 'POST', headers })).toMatchObject({
      status: 401,
    })
    expect(await queue.isPaused()).toBe(false)
  })

  it('strangers do not read the metrics either, while this machine does', async () => {
    const dashboard = await start({})
    const { port } = await startProxy({ upstream: dashboard.url })
    expect((await send({ port, path: '/metrics' })).status).toBe(401)
    expect((await send({ port, path: '/healthz' })).status).toBe(200)
    expect((await fetch(`${dashboard.url}/metrics`)).status).toBe(200)
  })
})

describe('with a password, behind proxies', () => {
  it.each([
    ['the first of two speaks TLS and the second says http', [FORWARDED_PROTO]],
    [
      'the second adds to what the first says',
      ['proxy_set_header X-Forwarded-Proto "$http_x_forwarded_proto, $scheme"'],
    ],
    ['the second says nothing', []],
  ])('the session’s cookie stays on TLS where %s', async (_, directives) => {
    const dashboard = await start()
    const inner = await startProxy({ upstream: dashboard.url, directives: [FORWARDED_FOR, ...directives] })
    const outer = await startProxy({
      upstream: `http://127.0.0.1:${inner.port}`,
      directives: [SAME_HOST, FORWARDED_FOR, FORWARDED_PROTO],
      certificate,
    })
    const answer = await logIn({ port: outer.port, tls: true })
    expect(answer.status).toBe(303)
    expect(answer.headers['set-cookie']?.join()).toMatch(/auto_enroll_session=[^,]*; Secure/)
  })

  it('that rewrite the host, forms of this page work and another site’s do not', async () => {
    const dashboard = await start()
    const { port } = await startProxy({ upstream: dashboard.url, certificate })
    expect((await logIn({ port, tls: true })).status).toBe(303)
    expect((await logIn({ port, tls: true, headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403)
    const otherSite = { 'sec-fetch-site': undefined, origin: 'https://evil.example' }
    expect((await logIn({ port, tls: true, headers: otherSite })).status).toBe(403)
  })

  it('that rewrite the host and say which it was, browsers without Sec-Fetch-Site can log in', async () => {
    const dashboard = await start()
    const { port } = await startProxy({
      upstream: dashboard.url,
      directives: ['proxy_set_header X-Forwarded-Host $http_host'],
    })
    const headers = { 'sec-fetch-site': undefined, origin: `http://localhost:${port}` }
    expect((await logIn({ port, headers })).status).toBe(303)
    expect((await logIn({ port, headers: { ...headers, origin: 'http://localhost' } })).status).toBe(403)
  })

  it('one client’s wrong passwords do not lock out another, and a made-up address does not help', async () => {
    const dashboard = await start({ ...PASSWORD, DASHBOARD_TRUSTED_PROXIES: '127.0.0.1' })
    const inner = await startProxy({ upstream: dashboard.url, directives: [FORWARDED_FOR] })
    const outer = await startProxy({
      upstream: `http://127.0.0.1:${inner.port}`,
      directives: [FORWARDED_FOR],
    })
    const guess = (attempt: number) =>
      logIn({
        port: outer.port,
        password: `wrong ${attempt}`,
        localAddress: '127.0.0.2',
        headers: { 'x-forwarded-for': `203.0.113.${attempt}`, forwarded: `for=203.0.113.${attempt}` },
      })
    for (let attempt = 0; attempt < 10; attempt += 1) expect((await guess(attempt)).status).toBe(401)
    expect((await guess(10)).status).toBe(429)
    expect((await logIn({ port: outer.port, localAddress: '127.0.0.3' })).status).toBe(303)
  })

  it('over IPv6 as well', async () => {
    const dashboard = await start()
    const { port } = await startProxy({ upstream: dashboard.url, directives: [FORWARDED_FOR], ipv6: true })
    expect((await logIn({ port, host: '::1' })).status).toBe(303)
  })

  it('a stranger does not read the metrics through one', async () => {
    const dashboard = await start()
    const { port } = await startProxy({ upstream: dashboard.url, directives: [FORWARDED_FOR] })
    expect((await send({ port, path: '/metrics' })).status).toBe(401)
    expect((await send({ port, path: '/readyz' })).status).toBe(401)
  })
})

const PASSWORD = { DASHBOARD_USER: OPERATOR.name, DASHBOARD_PASSWORD: OPERATOR.password }

interface Sent {
  port: number
  host?: string
  path?: string
  method?: string
  headers?: Record<string, string | undefined>
  body?: string
  tls?: boolean
  localAddress?: string
}

function logIn({ password = OPERATOR.password, headers = {}, ...sent }: Sent & { password?: string }) {
  const origin = `${sent.tls ? 'https' : 'http'}://localhost:${sent.port}`
  return send({
    ...sent,
    path: '/login',
    method: 'POST',
    headers: {
      host: `localhost:${sent.port}`,
      origin,
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    body: new URLSearchParams({ name: OPERATOR.name, password }).toString(),
  })
}

/** Not by `fetch`, which sets the headers that this is about as it likes. */
function send({
  host = '127.0.0.1',
  path = '/',
  method = 'GET',
  tls = false,
  body,
  headers = {},
  ...sent
}: Sent) {
  const defined = Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  const options = { host, path, method, headers: defined, agent: false, ...sent } as const
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    const request = tls ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options)
    request.on('response', async (response) => {
      const chunks: string[] = []
      for await (const chunk of response.setEncoding('utf8')) chunks.push(chunk)
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: chunks.join('') })
    })
    request.on('error', reject)
    request.end(body)
  })
}
