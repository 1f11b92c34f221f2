import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { Access } from './access.js'
import { BROWSER_COOKIE, BROWSER_COOKIE_SECONDS } from './known-browsers.js'
import type { Visit } from './person.js'
import { SESSION_COOKIE, SESSION_SECONDS } from './sessions.js'
import { loginPage, problemPage } from './small-pages.js'
import { loginFor, wayBack } from './way-back.js'

/** A name, a password and the page to go to afterwards; strangers may send no more. */
const MAX_LOG_IN_BYTES = 16 * 1024
const TOO_MANY = 'Too many wrong passwords. Try again in a quarter of an hour.'

export function logInRoutes(access: Access): Hono<Visit> {
  const routes = new Hono<Visit>()
  routes.get('/login', (c) => c.html(loginPage({ next: wayBack(c.req.query('next')) })))

  routes.post('/login', bodyLimit({ maxSize: MAX_LOG_IN_BYTES }), async (c) => {
    const { name, password, next: wanted } = await c.req.parseBody()
    const next = wayBack(wanted)
    const attempt = await access.logIn(c, String(name ?? ''), String(password ?? ''))
    switch (attempt.status) {
      case 'too-many-attempts':
        return c.html(loginPage({ next, problem: TOO_MANY }), 429)
      case 'refused':
        return c.html(loginPage({ next, problem: 'The name or the password is wrong.' }), 401)
      case 'in': {
        access.sessions.end(getCookie(c, SESSION_COOKIE))
        const options = { httpOnly: true, sameSite: 'Lax', secure: access.clientOf(c).overTls } as const
        const session = access.sessions.start(attempt.person)
        setCookie(c, SESSION_COOKIE, session, { ...options, path: '/', maxAge: SESSION_SECONDS })
        const browser = { ...options, path: '/login', maxAge: BROWSER_COOKIE_SECONDS }
        setCookie(c, BROWSER_COOKIE, attempt.browserCookie, browser)
        return c.redirect(next, 303)
      }
    }
  })

  routes.post('/logout', (c) => {
    access.sessions.end(getCookie(c, SESSION_COOKIE))
    deleteCookie(c, SESSION_COOKIE, { path: '/', secure: access.clientOf(c).overTls })
    return c.redirect('/login', 303)
  })
  return routes
}

/** Lets only those in whom `access` knows. */
export function admit(access: Access): MiddlewareHandler<Visit> {
  return async (c, next) => {
    const entry = await access.enter(c)
    switch (entry.status) {
      case 'too-many-attempts':
        return c.text(TOO_MANY, 429)
      case 'refused':
        return refuse(c, entry.why, entry.canLogIn)
      case 'in':
        c.set('person', { name: entry.person.name, role: entry.person.role })
        c.set('hasSession', entry.hasSession)
        c.header('cache-control', 'no-store')
        return next()
    }
  }
}

/** Sends people to the login page. Programs get a sentence, and the challenge unless they run in a browser. */
function refuse(c: Context<Visit>, why: string, canLogIn: boolean): Response | Promise<Response> {
  const isPage = c.req.header('accept')?.includes('text/html') === true
  if (isPage && canLogIn) return c.redirect(loginFor(c), 303)
  if (isPage) return c.html(problemPage(undefined, 'This page is closed to you', [why]), 401)
  const inBrowser = c.req.header('sec-fetch-mode') !== undefined
  return c.text(why, 401, inBrowser || !canLogIn ? {} : { 'www-authenticate': 'Basic realm="auto-enroll"' })
}
