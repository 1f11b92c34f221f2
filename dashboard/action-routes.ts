import { type Context, Hono } from 'hono'
import { operatorsOnly } from './access.js'
import type { DashboardContext } from './context.js'
import type { Visit } from './person.js'
import {
  backfillPreview,
  enrollPreview,
  limitsPreview,
  pausePreview,
  resumePreview,
  retryPreview,
} from './previews.js'
import { nobodyPage, type Preview, previewPage, problemPage, userPage } from './small-pages.js'

/** Looking up a user, and the actions: each has a page that shows what it would do, and a form that does it. */
export function actionRoutes(context: DashboardContext): Hono<Visit> {
  const { reader, actions, lookUp } = context
  const routes = new Hono<Visit>()

  routes.get('/users', async (c) => {
    const search = (c.req.query('q') ?? '').slice(0, 320)
    const found = await lookUp(search)
    return found === undefined
      ? c.html(nobodyPage(visitor(c), search), 404)
      : c.html(userPage(visitor(c), search, found))
  })

  for (const path of ['/pause', '/resume', '/limits', '/backfill', '/retry', '/enroll', '/tasks/stop']) {
    routes.use(path, operatorsOnly)
  }

  routes.get('/pause', async (c) => preview(c, await pausePreview(context)))
  routes.post('/pause', async (c) => {
    return done(c, await actions.pause(c.get('person')))
  })

  routes.get('/resume', async (c) => preview(c, await resumePreview(context)))
  routes.post('/resume', async (c) => {
    return done(c, await actions.resume(c.get('person')))
  })

  routes.get('/limits', async (c) => preview(c, await limitsPreview(context)))
  routes.post('/limits', async (c) => {
    return done(c, await actions.removeLimits(c.get('person')))
  })

  routes.get('/backfill', async (c) => preview(c, await backfillPreview(context)))
  routes.post('/backfill', async (c) => {
    return done(c, await actions.backfill(c.get('person')))
  })

  routes.get('/retry', async (c) => preview(c, await retryPreview(context, c.req.query('cause'))))
  routes.post('/retry', async (c) => {
    const causeId = await field(c, 'cause')
    const { jobs } = await retryPreview(context, causeId)
    return done(c, jobs > 0 ? await actions.retry(c.get('person'), jobs, causeId) : undefined)
  })

  routes.post('/tasks/stop', async (c) => done(c, await actions.stop(c.get('person'))))

  routes.get('/enroll', async (c) => {
    const found = await lookUp(c.req.query('user') ?? '')
    return found === undefined ? noSuchUser(c) : preview(c, enrollPreview(found))
  })
  routes.post('/enroll', async (c) => {
    const found = await lookUp((await field(c, 'user')) ?? '')
    if (found === undefined) return noSuchUser(c)
    const notAudited = await actions.enroll(c.get('person'), found.user.id)
    return done(c, notAudited, `/users?q=${encodeURIComponent(found.user.id)}`)
  })

  return routes

  function done(
    c: Context<Visit>,
    notAudited: string | undefined,
    location = '/',
  ): Response | Promise<Response> {
    reader.expire()
    if (notAudited === undefined) return c.redirect(location, 303)
    return c.html(
      problemPage(visitor(c), 'Done, but not in the audit log', [
        `This was done, but could not be written to the audit log: ${notAudited}.`,
      ]),
    )
  }
}

function visitor(c: Context<Visit>) {
  return { ...c.get('person'), hasSession: c.get('hasSession') }
}

function preview(c: Context<Visit>, content: Preview): Response | Promise<Response> {
  return c.html(previewPage(visitor(c), content))
}

function noSuchUser(c: Context<Visit>): Response | Promise<Response> {
  return c.html(problemPage(visitor(c), 'No such user', ['The user has been deleted.']), 404)
}

async function field(c: Context<Visit>, name: string): Promise<string | undefined> {
  const value = (await c.req.parseBody())[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
