import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { JOB_NAME, jobOptions } from '../../queue/user-created.js'
import { countEnrollments, enrollmentsOf } from '../support/application.js'
import { expectAccessible, launchBrowser, openPage, screenshot } from '../support/browser.js'
import { OPERATOR, startTestDashboard, VIEWER } from '../support/dashboard.js'
import { event } from '../support/event.js'
import { type Gate, makeGate } from '../support/gate.js'
import { queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

describe('the operators’ page in a browser', () => {
  const database = useDatabase()
  let place: ReturnType<typeof queuePlace>
  let queue: EventQueue
  let dashboard: RunningDashboard
  const contexts: BrowserContext[] = []
  const running: { close(): Promise<unknown> }[] = []
  let misdeeds: string[][] = []

  beforeAll(async () => {
    place = queuePlace('redis', database)
    queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    dashboard = await startTestDashboard({ databaseUrl: database.url, queue: place })
  })
  afterAll(async () => {
    await dashboard.close()
    await queue.close()
  })
  beforeEach(async () => {
    misdeeds = []
    await queue.bull().obliterate({ force: true })
    await queue.resume()
    await database.sql('alter table "Enrollment" drop constraint if exists closed')
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await database.sql('truncate auto_enroll.audit, auto_enroll.pause')
    await database.sql(`insert into "Course" (id, title, "isPublished") values
      ('welcome', 'Welcome and orientation', true), ('privacy', 'Privacy at work', true), ('algebra', 'Algebra', false)`)
  })
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
    for (const server of running.splice(0)) await server.close()
    expect(misdeeds.flat()).toEqual([])
  })

  async function startWorker(env: Record<string, string> = {}): Promise<void> {
    running.push(await startTestWorker({ databaseUrl: database.url, queue: place, env }))
  }

  /** Users `u1` … with or without enrollments made by us. */
  async function insertUsers(count: number, { enrolled = 0 } = {}): Promise<void> {
    await database.sql(
      `insert into "User" (id, email, name, "passwordHash")
       select 'u' || n, 'user' || n || '@example.com', 'User ' || n, case when n % 3 > 0 then 'hash' end
       from generate_series(1, $1::int) n`,
      [count],
    )
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId")
       select 'cae' || md5(u.id || c.id), u.id, c.id from "User" u, "Course" c
       where c."isPublished" and substr(u.id, 2)::int <= $1`,
      [enrolled],
    )
  }

  async function visit(path = '/', options: BrowserContextOptions = {}, of = dashboard): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    contexts.push(context)
    const watched = await openPage(context, of.url)
    misdeeds.push(watched.misdeeds)
    await watched.page.goto(of.url + path)
    return watched.page
  }

  async function logIn(
    { name, password } = OPERATOR,
    options: BrowserContextOptions = {},
    of = dashboard,
  ): Promise<Page> {
    const page = await visit('/', options, of)
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('region', { name: 'Verdict' }).waitFor()
    return page
  }

  function headline(page: Page, words: RegExp): Promise<void> {
    return page.getByRole('heading', { level: 1, name: words }).waitFor()
  }

  it('logs in, shows that everyone is enrolled, and logs out', async () => {
    await startWorker()
    await insertUsers(40, { enrolled: 40 })
    const page = await visit()
    expect(page.url()).toBe(`${dashboard.url}/login`)
    await expectAccessible(page)
    await page.getByLabel('Name').fill(OPERATOR.name)
    await page.getByLabel('Password').fill(OPERATOR.password)
    await page.keyboard.press('Enter')
    await headline(page, /^Everyone is enrolled$/)
    await page.getByText('40 users, 2 published courses, nobody waiting.').waitFor()
    await page.locator('.uplot').nth(3).waitFor()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Log out' }).click()
    expect(page.url()).toBe(`${dashboard.url}/login`)
    await page.goto(dashboard.url)
    expect(page.url()).toBe(`${dashboard.url}/login`)
  })

  it('moves by itself: a sign-up shows without anybody touching the page', async () => {
    await insertUsers(3, { enrolled: 2 })
    const page = await logIn()
    await headline(page, /1 user is not enrolled, and no worker is connected/)
    await queue.add(event('u3'))
    await headline(page, /1 user is waiting, oldest \d+ s, and no worker is connected/)
    await startWorker()
    await headline(page, /^Everyone is enrolled$/)
    expect(await page.title()).toBe('Everyone is enrolled · auto-enroll')
    await page.getByText('credentials 1', { exact: true }).waitFor()
    expect(await page.locator('#announcer').textContent()).toBe('Everyone is enrolled')
  })

  it('backfills after showing whom, and shows its progress', async () => {
    await startWorker()
    await insertUsers(30, { enrolled: 5 })
    const page = await logIn()
    await headline(page, /^25 users are not enrolled$/)
    await page.getByRole('region', { name: 'Verdict' }).getByRole('link', { name: 'Backfill' }).click()
    await headline(page, /^Backfill 25 users\?$/)
    await page.getByText('enrolled in 2 published courses each: 50 enrollments').waitFor()
    expect(await page.locator('.examples li').count()).toBe(20)
    await expectAccessible(page)
    expect(await countEnrollments(database)).toBe(10)

    await page.getByRole('button', { name: 'Backfill 25 users' }).click()
    await headline(page, /^Everyone is enrolled$/)
    await page.getByRole('region', { name: 'Backfill' }).getByText('25 users queued').waitFor()
    expect(await countEnrollments(database)).toBe(60)
    const row = page.locator('#audit tbody tr').first()
    await row.getByText('25 users queued').waitFor()
    expect(await row.innerText()).toMatch(new RegExp(`${OPERATOR.name}[\\s\\S]*backfill`))
  })

  it('pauses and resumes, by keyboard alone', async () => {
    await startWorker()
    await insertUsers(1)
    const page = await logIn()
    await page.keyboard.press('Tab')
    expect(await page.locator(':focus').innerText()).toBe('Skip to the content')
    await page.getByRole('link', { name: 'Pause' }).press('Enter')
    await page.getByRole('button', { name: 'Pause' }).press('Enter')
    await headline(page, new RegExp(`^Paused by ${OPERATOR.name} since \\d\\d:\\d\\d UTC$`))
    expect(await queue.isPaused()).toBe(true)
    await queue.add(event('u1'))
    await page.getByText(/^1 user is waiting, oldest \d+ s\. New sign-ups collect/).waitFor()
    await expectAccessible(page)

    await page.getByRole('region', { name: 'Verdict' }).getByRole('link', { name: 'Resume' }).press('Enter')
    await page.getByRole('button', { name: 'Resume' }).press('Enter')
    await headline(page, /^Everyone is enrolled$/)
  })

  it('groups failures by cause and retries those of one', async () => {
    await startWorker()
    await insertUsers(4)
    await database.sql(`alter table "Enrollment" add constraint closed check (status <> 'active')`)
    await queue.addMany([1, 2, 3].map((n) => event(`u${n}`)))
    await queue.bull().add('mistaken', event('u4'))
    const page = await logIn()
    await page.getByRole('row', { name: /a check constraint refuses the enrollment/ }).waitFor()
    const row = page.getByRole('row', { name: /a check constraint refuses the enrollment/ })
    await expect.poll(() => row.innerText()).toMatch(/23514[\s\S]*3\t/)
    await page.getByText('4 users of them still without an enrollment.').waitFor()
    await expectAccessible(page)

    await database.sql('alter table "Enrollment" drop constraint closed')
    await row.getByRole('link', { name: 'Retry these' }).click()
    await headline(page, /^Retry 3 failed jobs\?$/)
    await page.getByRole('button', { name: 'Retry 3 jobs' }).click()
    await page.getByRole('region', { name: 'Retry of failed jobs' }).getByText('3 jobs put back').waitFor()
    await row.waitFor({ state: 'detached' })
    await page.getByRole('row', { name: /unknown job name/ }).waitFor()
    expect(await countEnrollments(database)).toBe(6)
  })

  it('finds a user by email, says why, and enrolls them now', async () => {
    await startWorker({ RECONCILE_INTERVAL_MS: '0' })
    await insertUsers(3, { enrolled: 1 })
    const page = await logIn()
    await page.getByLabel('Is this user enrolled?').fill('User2@example.com')
    await page.keyboard.press('Enter')
    await headline(page, /^user2@example\.com$/)
    await page.getByText(/^Not enrolled: the queue has no job of this user/).waitFor()
    await expectAccessible(page)
    await page.getByRole('link', { name: 'Enroll now' }).click()
    await page.getByText('a worker enrolls the user in 2 courses:').waitFor()
    await page.getByRole('button', { name: 'Enroll now' }).click()
    await expect.poll(() => enrollmentsOf(database, 'u2')).toEqual({ privacy: 'active', welcome: 'active' })
    await page.reload()
    await page
      .getByText(/^Enrolled in every published course \(2\) since .* UTC, by auto-enroll\.$/)
      .waitFor()

    await page.getByLabel('Is this user enrolled?').fill('nobody@example.com')
    await page.keyboard.press('Enter')
    await headline(page, /^No such user$/)
    // The browser's console reports every response that is a 404.
    expect(misdeeds.flat()).toEqual([expect.stringMatching(/404/)])
    misdeeds = []
  })

  it('lets a viewer read everything and press nothing', async () => {
    await startWorker()
    await insertUsers(3, { enrolled: 2 })
    await queue.bull().add('mistaken', event('u3'))
    const page = await logIn(VIEWER)
    await page.getByRole('row', { name: /unknown job name/ }).waitFor()
    await headline(page, /^1 user is not enrolled: unknown job name/)
    for (const name of ['Backfill', 'Pause', 'Retry these', 'Retry failed']) {
      expect(await page.getByRole('link', { name }).count()).toBe(0)
    }
    await expectAccessible(page)
    await page.goto(`${dashboard.url}/users?q=u3`)
    expect(await page.getByRole('link', { name: 'Enroll now' }).count()).toBe(0)
  })

  it('shows the jobs themselves, to a viewer without buttons', async () => {
    await startWorker()
    await insertUsers(1)
    await queue.bull().add('mistaken', event('u1'))
    const page = await logIn(VIEWER)
    await page
      .getByRole('row', { name: /unknown job name/ })
      .getByRole('link', { name: /^job/ })
      .click()
    await page.getByText('mistaken').first().waitFor()
    expect(await page.getByRole('button', { name: /retry/i }).count()).toBe(0)

    const operated = await logIn(OPERATOR)
    await operated.goto(`${dashboard.url}/queues/queue/user-created?status=failed`)
    await operated.getByText('mistaken').first().waitFor()
    expect(await operated.getByRole('button', { name: /retry/i }).count()).toBeGreaterThan(0)
  })

  it('refuses what a page of another site sends with the operator’s session', async () => {
    await startWorker()
    const page = await logIn()
    const site = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(`<form method="post" action="${dashboard.url}/pause"><button>Win a prize</button></form>`)
    }).listen(0, '127.0.0.1')
    await once(site, 'listening')
    running.push({ close: () => new Promise((resolve) => site.close(resolve)) })
    const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`
    await page.goto(url)
    const answered = page.waitForResponse(`${dashboard.url}/pause`)
    await page.getByRole('button').click()
    expect((await answered).status()).toBe(403)
    expect(
      (await answered).request().headers().cookie ?? (await (await answered).request().allHeaders()).cookie,
    ).toMatch(/auto_enroll_session/)
    expect(await queue.isPaused()).toBe(false)
    await contexts.splice(0)[0]?.close()
    misdeeds = []
  })

  it('reads as well without JavaScript', async () => {
    await startWorker()
    await insertUsers(2, { enrolled: 1 })
    const page = await logIn(OPERATOR, { javaScriptEnabled: false })
    await expect
      .poll(() => page.reload().then(() => page.locator('h1').innerText()))
      .toBe('1 user is not enrolled')
    expect(await page.locator('.uplot').count()).toBe(0)
    await page.getByRole('region', { name: 'Verdict' }).getByRole('link', { name: 'Backfill' }).click()
    await page.getByRole('button', { name: 'Backfill 1 user' }).click()
    await expect.poll(() => countEnrollments(database)).toBe(4)
  })

  it('leads from the verdict to the runbook’s chapter', async () => {
    await startWorker()
    await insertUsers(2, { enrolled: 1 })
    const page = await logIn()
    await headline(page, /^1 user is not enrolled$/)
    await page.getByRole('link', { name: 'What this means and what to do' }).click()
    await page.locator('h2:target', { hasText: 'Users are missing' }).waitFor()
    await expectAccessible(page)
  })

  describe('in pictures', () => {
    let own: RunningDashboard
    let gate: Gate

    beforeAll(async () => {
      gate = await makeGate(database.url)
      await gate.open()
      own = await startTestDashboard({ databaseUrl: gate.url, queue: place })
    })
    afterAll(async () => {
      await own.close()
      await gate.shut()
    })

    /** A site of 2,400 users with two weeks of history, and what two operators did today. */
    async function arrange(): Promise<void> {
      await insertUsers(2400, { enrolled: 2100 })
      await insertHistory(place, 'completed', (minute) => 3 + 3 * Math.sin(minute / 229) + (minute % 7) / 2)
      await insertHistory(place, 'failed', (minute) => (minute % 997 < 20 ? 2 : 0))
      await startWorker()
      for (let n = 2101; n <= 2400; n += 1)
        await queue.add(event(`u${n}`, n % 3 === 0 ? 'google' : 'credentials'))
      await database.sql(`insert into auto_enroll.audit (at, who, "through", action, result, succeeded, finished_at) values
        (now() - interval '2 hours', 'olga', 'page', 'pause', 'paused; 0 users waiting', true, now()),
        (now() - interval '1 hour', 'olga', 'page', 'resume', 'resumed; 41 users waiting', true, now()),
        (now() - interval '20 minutes', 'otto', 'command', 'backfill', '118 users queued', true, now())`)
      await expect.poll(() => queue.countUnfinished()).toBe(0)
    }

    it('shows that all is well, in the light', async () => {
      await arrange()
      const page = await logIn(OPERATOR, { colorScheme: 'light' }, own)
      await headline(page, /^Everyone is enrolled$/)
      await page.locator('.uplot').nth(3).waitFor()
      await page.getByText(/of 300 sign-ups/).waitFor()
      await screenshot(page, 'dashboard-light')
    })

    it('shows that it is stuck, in the dark', async () => {
      await arrange()
      const page = await logIn(OPERATOR, { colorScheme: 'dark' }, own)
      await headline(page, /^Everyone is enrolled$/)
      for (const server of running.splice(0)) await server.close()
      running.push(await startTestWorker({ databaseUrl: gate.url, queue: place }))
      await expect.poll(() => queue.bull().getWorkersCount()).toBe(1)
      await gate.shut()
      const queuedAt = Date.now() - 185_000
      await queue.bull().clean(0, 0, 'completed')
      await queue.bull().addBulk(
        Array.from({ length: 212 }, (_, n) => ({
          name: JOB_NAME,
          data: event(`u${n + 1}`),
          opts: { ...jobOptions(event(`u${n + 1}`)), timestamp: queuedAt },
        })),
      )
      await headline(
        page,
        /^Stuck: 212 jobs waiting, nothing finished for 3 min: Postgres refuses connections$/,
      )
      await page.locator('.uplot').nth(3).waitFor()
      await expectAccessible(page)
      await screenshot(page, 'dashboard-dark')
      await gate.open()
      await headline(page, /^Everyone is enrolled$/)
    })

    it('fits on a phone', async () => {
      await arrange()
      await database.sql(`delete from "Enrollment" where "userId" in ('u7', 'u8', 'u9')`)
      const phone = { viewport: { width: 390, height: 844 }, colorScheme: 'light' } as const
      const page = await logIn(OPERATOR, phone, own)
      await headline(page, /^3 users are not enrolled$/)
      await page.locator('.uplot').nth(3).waitFor()
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390)
      await expectAccessible(page)
      await screenshot(page, 'dashboard-phone')
    })

    it('explains a user', async () => {
      await arrange()
      await database.sql(`delete from "Enrollment" where "userId" = 'u7'`)
      await database.sql(
        `alter table "Enrollment" add constraint closed check (status <> 'active') not valid`,
      )
      await queue.add(event('u7'))
      await expect.poll(() => queue.countUnfinished()).toBe(0)
      const page = await logIn(
        OPERATOR,
        { colorScheme: 'light', viewport: { width: 1280, height: 860 } },
        own,
      )
      await page.goto(`${own.url}/users?q=u7`)
      await page
        .getByText(/^Not enrolled: the job failed once, last at .*, because a check constraint refuses/)
        .waitFor()
      await expectAccessible(page)
      await screenshot(page, 'dashboard-user')
    })
  })
})

/** Two weeks of BullMQ's metrics, as its workers leave them. */
async function insertHistory(
  { url, prefix }: { url: string; prefix: string },
  kind: 'completed' | 'failed',
  finished: (minute: number) => number,
): Promise<void> {
  const redis = new Redis(url)
  const key = `${prefix}:user-created:metrics:${kind}`
  const points = Array.from({ length: 20_000 }, (_, minute) => Math.max(0, Math.round(finished(minute))))
  const total = points.reduce((sum, number) => sum + number, 0)
  await redis.rpush(`${key}:data`, ...points)
  await redis.hset(key, { count: total, prevCount: total, prevTS: Date.now() })
  redis.disconnect()
}
