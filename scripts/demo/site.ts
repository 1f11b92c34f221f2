import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { csrf } from 'hono/csrf'
import { secureHeaders } from 'hono/secure-headers'
import { signInWithGoogle } from '../../producers/google.js'
import { signUp } from '../../producers/sign-up.js'
import { GOOGLE_PROFILES, type GoogleName } from './cast.js'
import { type FormState, livePart, type Notice, page, type View } from './page.js'
import { SCRIPT } from './page-script.js'
import { STYLE } from './page-style.js'
import { readCourses, readRoster } from './roster.js'
import type { Stage } from './stage.js'

const MAX_FORM_BYTES = 16 * 1024

/** The application that auto-enroll is added to: a sign-up form, "Continue with Google", and who is in which course. */
export function createSite(stage: Stage, isTouring: () => boolean): Hono {
  const app = new Hono()
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        scriptSrc: ["'self'"],
        connectSrc: ["'self'"],
        imgSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
      // With no-referrer browsers hide the origin of a form, which we need to detect forged ones.
      referrerPolicy: 'same-origin',
      strictTransportSecurity: false,
    }),
  )
  app.use(bodyLimit({ maxSize: MAX_FORM_BYTES }))
  // Every browser names the origin of a form; a client that does not is no browser, and cannot be tricked into sending one.
  const ownOrigin = csrf()
  app.use((c, next) => (c.req.header('origin') === undefined ? next() : ownOrigin(c, next)))

  app.get('/', async (c) => c.html(page(await view(), { notice: noticeFrom(c.req.query()) })))
  app.get('/live', async (c) => c.html(livePart(await view()), 200, { 'cache-control': 'no-store' }))
  app.get('/style.css', (c) => c.body(STYLE, 200, { 'content-type': 'text/css; charset=utf-8' }))
  app.get('/live.js', (c) => c.body(SCRIPT, 200, { 'content-type': 'text/javascript; charset=utf-8' }))
  app.get('/favicon.ico', (c) => c.body(null, 204))

  app.post('/sign-up', async (c) => {
    const form = await c.req.parseBody()
    const input = { name: text(form.name), email: text(form.email), password: text(form.password) }
    const startedAt = performance.now()
    const result = await signUp(stage, input)
    if (result.status === 'created') return c.redirect(seeOther(result.publish.status, startedAt), 303)
    const state: FormState = { name: input.name, email: input.email, errors: result.errors }
    return c.html(page(await view(), { form: state }), 422)
  })

  app.post('/google', async (c) => {
    const name = text((await c.req.parseBody()).profile)
    if (!isGoogleName(name)) return c.html(page(await view(), { notice: { kind: 'no-profile' } }), 422)
    const startedAt = performance.now()
    const result = await signInWithGoogle(stage, { profile: GOOGLE_PROFILES[name] })
    if (result.status === 'refused') {
      return c.html(page(await view(), { notice: { kind: 'refused' }, chosen: name }), 422)
    }
    return c.redirect(seeOther(result.publish?.status ?? 'returning', startedAt), 303)
  })

  app.post('/queue/stop', async (c) => {
    if (!isTouring()) await stage.relay.cut()
    return c.redirect('/', 303)
  })
  app.post('/queue/start', async (c) => {
    if (!isTouring()) await stage.relay.restore()
    return c.redirect('/', 303)
  })
  return app

  async function view(): Promise<View> {
    const [users, courses] = await Promise.all([readRoster(stage.db), readCourses(stage.db)])
    const worker = stage.worker()
    return {
      users,
      courses,
      queue: stage.relay.isCut() ? 'stopped' : 'running',
      worker: worker === undefined ? 'not-started' : 'running',
      isTouring: isTouring(),
      links: [
        { label: 'The operators’ page', url: stage.dashboard.url },
        ...(worker === undefined ? [] : workerLinks(worker.url)),
      ],
    }
  }
}

function workerLinks(url: string): View['links'] {
  return [
    { label: 'Worker’s readiness', url: `${url}/readyz` },
    { label: 'Worker’s metrics', url: `${url}/metrics` },
  ]
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function isGoogleName(name: string): name is GoogleName {
  return Object.hasOwn(GOOGLE_PROFILES, name)
}

/** After a form was sent the page is fetched anew, so that reloading it sends nothing twice. */
function seeOther(outcome: string, startedAt: number): string {
  return `/?${new URLSearchParams({ outcome, ms: String(Math.round(performance.now() - startedAt)) })}`
}

function noticeFrom({ outcome, ms }: Record<string, string>): Notice | undefined {
  const tookMs = Number(ms)
  if (!Number.isSafeInteger(tookMs)) return undefined
  switch (outcome) {
    case 'queued':
    case 'duplicate':
    case 'deferred':
    case 'returning':
      return { kind: outcome, tookMs }
    default:
      return undefined
  }
}
