import type { Hono } from 'hono'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { readSettings } from '../../../config/settings.js'
import { createSite } from '../../../scripts/demo/site.js'
import { openStage, type Stage } from '../../../scripts/demo/stage.js'
import { PATIENT } from '../../support/demo.js'
import { BACKENDS, useDatabase } from '../../support/servers.js'

describe.each(BACKENDS)('the page of the demo, with its queue on %s', (backend) => {
  const database = useDatabase()
  let stage: Stage
  let site: Hono

  beforeAll(async () => {
    const settings = readSettings({
      ...PATIENT,
      DATABASE_URL: database.url,
      // Its own database in the suite's Redis, because each holds one demo.
      QUEUE_URL: backend === 'redis' ? `${inject('redisUrl')}/1` : database.url,
    })
    stage = await openStage(settings, pino({ level: 'silent' }))
    await stage.startWorker()
    site = createSite(stage, () => false)
  })
  afterAll(() => stage.close())

  async function post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
    const response = await site.request(path, { method: 'POST', body: new URLSearchParams(fields), headers })
    return {
      status: response.status,
      text: await response.text(),
      location: response.headers.get('location'),
    }
  }
  const live = async () => (await site.request('/live')).text()
  const rowOf = async (email: string) => (await live()).split('<li>').find((row) => row.includes(email))

  it('shows an error next to each invalid field and keeps what was typed, except the password', async () => {
    const { status, text } = await post('/sign-up', { name: ' ', email: 'nobody', password: 'short' })
    expect(status).toBe(422)
    expect(text).toMatch(
      /id="name"[^>]*aria-invalid="true"[^>]*>\s*<span class="error" id="name-error">Enter a name</,
    )
    expect(text).toMatch(/id="email"[^>]*value="nobody"[^>]*aria-invalid="true"/)
    expect(text).toContain('Enter a password of at least 8 characters')
    expect(text).not.toContain('short')
  })

  it('signs up, escapes what the user typed, and shows the courses without a reload', async () => {
    const name = `<img src=x onerror="alert('1')">`
    const user = { name, email: 'mark@example.com', password: 'a long password' }
    const { status, location } = await post('/sign-up', user)
    expect({ status, location }).toEqual({
      status: 303,
      location: expect.stringMatching(/^\/\?outcome=(queued|duplicate)&ms=\d+$/),
    })

    await expect
      .poll(() => rowOf('mark@example.com'))
      .toMatch(/Queues without Tears.*SQL for Beginners.*after \d/s)
    const page = await (await site.request('/')).text()
    expect(page).toContain('&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;')
    expect(page).not.toContain('<img')

    const again = await post('/sign-up', user)
    expect(again.text).toContain('This email address is already in use')
    expect(again.text).not.toContain('<img')
  })

  it('signs in with Google only with a verified email', async () => {
    expect((await post('/google', { profile: 'hedy' })).location).toMatch(/outcome=(queued|duplicate)/)
    await expect.poll(() => rowOf('hedy@example.com')).toContain('Queues without Tears')
    expect((await post('/google', { profile: 'hedy' })).location).toContain('outcome=returning')

    const refused = await post('/google', { profile: 'mallory' })
    expect(refused.status).toBe(422)
    expect(refused.text).toContain('Google has not verified this email address')
    expect(await live()).not.toContain('mallory@example.com')
    expect((await post('/google', { profile: 'constructor' })).status).toBe(422)
  })

  it('still signs up while the queue is stopped, and enrolls once it is back', async () => {
    await post('/queue/stop', {})
    expect(await live()).toContain('Start the queue again')
    const user = { name: 'Away', email: 'away@example.com', password: 'a long password' }
    expect((await post('/sign-up', user)).location).toContain('outcome=deferred')
    expect(await live()).toContain('no course yet')

    await post('/queue/start', {})
    await expect.poll(live, { timeout: 15_000 }).not.toContain('no course yet')
  })

  it('refuses forms from other sites and loads nothing from other hosts', async () => {
    const forged = await post(
      '/queue/stop',
      {},
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    )
    expect(forged.status).toBe(403)
    expect(await live()).toContain('Stop the queue')

    const page = await site.request('/')
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'self'/)
    expect(await page.text()).not.toMatch(/(src|href)="(?!\/|http:\/\/127\.0\.0\.1:)/)
  })

  it('links to the operators’ page of the same database', async () => {
    const page = await (await site.request('/')).text()
    expect(page).toContain(`<a href="${stage.dashboard.url}">The operators’ page</a>`)
    const operators = await (await fetch(stage.dashboard.url)).text()
    expect(operators).toContain('<section id="verdict"')
  })
})
