import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectAccessible, launchBrowser } from '../support/browser.js'
import { OPERATOR, startTestDashboard } from '../support/dashboard.js'
import { makeGate } from '../support/gate.js'
import { logged, startScript } from '../support/process.js'
import { freePort } from '../support/redis-server.js'
import { queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const LIVE = /^Everyone is enrolled$/
const STALE_TITLE = /^Not live since \d\d:\d\d:\d\d UTC · auto-enroll$/
const PASSWORD = { DASHBOARD_USER: OPERATOR.name, DASHBOARD_PASSWORD: OPERATOR.password }

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

describe('a page that is left open', { timeout: 60_000 }, () => {
  const database = useDatabase()
  const other = useDatabase()
  let place: ReturnType<typeof queuePlace>
  let port: number
  let context: BrowserContext
  const running: { close(): Promise<unknown> }[] = []

  beforeAll(async () => {
    await database.sql(ENROLLED)
    await other.sql(`${ENROLLED}; insert into "User" (id, email, name) values ('late', 'late', 'Late')`)
  })
  beforeEach(async () => {
    place = queuePlace('redis', database)
    port = await freePort()
    context = await browser.newContext()
    running.push(await startTestWorker({ databaseUrl: database.url, queue: place }))
  })
  afterEach(async () => {
    await context.close()
    for (const server of running.splice(0).reverse()) await server.close()
  })

  /** Starts the dashboard as a process of its own. */
  async function startDashboard(env: Record<string, string> = {}): Promise<DashboardProcess> {
    const dashboard = startScript('dashboard', [], {
      DATABASE_URL: database.url,
      QUEUE_URL: place.url,
      QUEUE_PREFIX: place.prefix,
      DASHBOARD_PORT: String(port),
      ...env,
    })
    await logged(dashboard, /^dashboard started$/)
    const started = {
      signal: (signal: NodeJS.Signals) => void dashboard.kill(signal),
      async close() {
        dashboard.kill('SIGKILL')
        await dashboard
      },
    }
    running.push(started)
    return started
  }

  async function open(url = `http://127.0.0.1:${port}/`): Promise<Page> {
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    await page.goto(url)
    await headline(page, LIVE)
    return page
  }

  function headline(page: Page, words: RegExp): Promise<void> {
    return page.getByRole('heading', { level: 1, name: words }).waitFor()
  }

  async function expectStale(page: Page): Promise<void> {
    await expect.poll(() => page.title(), { timeout: 15_000 }).toMatch(STALE_TITLE)
    await page
      .getByRole('alert')
      .getByText(/^Not live since \d\d:\d\d:\d\d UTC/)
      .waitFor()
    await headline(page, /^At \d\d:\d\d:\d\d UTC: Everyone is enrolled$/)
    const verdict = page.locator('#verdict')
    expect(await verdict.getAttribute('class')).toBe('verdict neutral')
    expect(await verdict.locator('.mark').innerText()).toBe('?')
    expect(await page.locator('#icon').getAttribute('href')).toMatch(/^data:image\/svg\+xml,.*%2364748b/)
  }

  async function expectLive(page: Page): Promise<void> {
    await headline(page, LIVE)
    expect(await page.title()).toBe('Everyone is enrolled · auto-enroll')
    expect(await page.locator('#verdict').getAttribute('class')).toBe('verdict good')
    expect(await page.locator('#icon').getAttribute('href')).toBe('/assets/icon-good.svg')
    expect(await page.getByRole('alert').count()).toBe(0)
  }

  it('is not green over a dashboard that was killed, and shows what the next one on its port knows', async () => {
    const dashboard = await startDashboard()
    const page = await open()
    await dashboard.close()
    await expectStale(page)
    await expectAccessible(page)

    await startDashboard({ DATABASE_URL: other.url, QUEUE_PREFIX: queuePlace('redis', other).prefix })
    await headline(page, /^1 user is not enrolled/)
    expect(await page.title()).toMatch(/^1 user is not enrolled/)
  })

  it('is not green over a dashboard that hangs, and goes on when it does', async () => {
    const dashboard = await startDashboard()
    const page = await open()
    dashboard.signal('SIGSTOP')
    await expectStale(page)
    dashboard.signal('SIGCONT')
    await expectLive(page)
  })

  it('leads to the login when the dashboard came back with a password, and then to where it was', async () => {
    const first = await startDashboard()
    const page = await open(`http://127.0.0.1:${port}/?from=bookmark`)
    await first.close()
    await startDashboard(PASSWORD)
    await page.waitForURL('**/login?next=*')
    await page.getByLabel('Name').fill(OPERATOR.name)
    await page.getByLabel('Password').fill(OPERATOR.password)
    await page.getByRole('button', { name: 'Log in' }).click()
    await headline(page, LIVE)
    expect(page.url()).toBe(`http://127.0.0.1:${port}/?from=bookmark`)
  })

  it('leads to the login when its session is over', async () => {
    await startDashboard(PASSWORD)
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${port}/`)
    await page.getByLabel('Name').fill(OPERATOR.name)
    await page.getByLabel('Password').fill(OPERATOR.password)
    await page.getByRole('button', { name: 'Log in' }).click()
    await headline(page, LIVE)
    await page.request.post(`http://127.0.0.1:${port}/logout`, {
      headers: { origin: `http://127.0.0.1:${port}` },
    })
    await page.waitForURL('**/login')
  })

  it('says so when the network is away, hung or cut, and when a proxy refuses', async () => {
    await startDashboard()
    const network = await makeGate(`http://127.0.0.1:${port}`)
    await network.open()
    running.push({ close: network.shut })
    const page = await open(network.url)
    network.freeze()
    await expectStale(page)
    network.thaw()
    await expectLive(page)

    await page.route('**/*', (route) => route.fulfill({ status: 503, body: 'no upstream' }))
    await network.shut()
    await expectStale(page)
    await page.getByRole('alert').getByText('HTTP 503').waitFor()
    await page.unrouteAll()
    await network.open()
    await expectLive(page)
  })

  it('catches up at once when a tab is shown that was asleep', async () => {
    await startDashboard()
    const page = await open()
    const devtools = await context.newCDPSession(page)
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
    await database.sql(`insert into "User" (id, email, name) values ('slept', 'slept', 'Slept')`)
    await devtools.send('Page.setWebLifecycleState', { state: 'active' })
    await headline(page, /^1 user is not enrolled/)
    await database.sql(`delete from "User" where id = 'slept'`)
    await expectLive(page)
  })

  it('follows also behind a proxy that holds the stream back', async () => {
    await startDashboard()
    const proxy = await holdingBack(port)
    running.push({ close: async () => proxy.close() })
    const page = await open(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`)
    await database.sql(`insert into "User" (id, email, name) values ('behind', 'behind', 'Behind')`)
    await headline(page, /^1 user is not enrolled/)
    await database.sql(`delete from "User" where id = 'behind'`)
    await expectLive(page)
    proxy.closeAllConnections()
  })

  it('plots nothing as zero that was not read', async () => {
    const gate = await makeGate(place.url)
    running.push({ close: gate.shut })
    await startDashboard({ QUEUE_URL: gate.url })
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${port}/`)
    const summary = (name: string) => page.locator(`[data-summary="${name}"]`)
    await summary('hour').getByText('last hour: not read yet').waitFor()
    await summary('weeks').getByText('last two weeks: not read yet').waitFor()
    await summary('depth').getByText('waiting ?, retrying ?, active ?').waitFor()
    await gate.open()
    await summary('hour').getByText('last hour: completed 0, failed 0').waitFor()
    await page.route('**/plots.json', (route) => route.fulfill({ status: 502 }))
    await summary('hour')
      .getByText(/^not read since \d\d:\d\d UTC$/)
      .waitFor()
  })

  it('says without JavaScript when it was made, and so does the page of a user', async () => {
    const dashboard = await startTestDashboard({ databaseUrl: database.url, queue: place, env: {} })
    running.push(dashboard)
    const still = await browser.newContext({ javaScriptEnabled: false })
    const page = await still.newPage()
    for (const path of ['/', '/users?q=u1']) {
      await page.goto(dashboard.url + path)
      await page.getByText(/^As of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/).waitFor()
    }
    await still.close()
  })
})

interface DashboardProcess {
  signal(signal: NodeJS.Signals): void
  /** Kills it and waits for its end. */
  close(): Promise<void>
}

const ENROLLED = `
  insert into "Course" (id, title, "isPublished") values ('c', 'C', true);
  insert into "User" (id, email, name) values ('u1', 'u1@example.com', 'One');
  insert into "Enrollment" (id, "userId", "courseId") values ('e', 'u1', 'c')`

/** A reverse proxy that passes nothing of the stream of events on. */
async function holdingBack(port: number): Promise<Server> {
  const proxy = createServer((incoming, outgoing) => {
    const { method = 'GET', url, headers } = incoming
    const forwarded = request({ port, host: '127.0.0.1', method, path: url, headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers)
      outgoing.flushHeaders()
      if (url !== '/events') response.pipe(outgoing)
    })
    outgoing.on('close', () => forwarded.destroy())
    forwarded.on('error', () => outgoing.destroy())
    incoming.pipe(forwarded)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return proxy
}
