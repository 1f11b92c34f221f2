import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { html, raw } from 'hono/html'
import { HTTPException } from 'hono/http-exception'
import type { Logger } from '../config/log.js'
import { safeError } from '../config/safe-error.js'
import { operatorsOnly } from './access.js'
import { actionRoutes } from './action-routes.js'
import { BOARD_PATH, boardAction, boardPathOf, createBoard } from './board.js'
import { signOfProxy } from './client.js'
import type { DashboardContext } from './context.js'
import { asset, runbookHtml } from './files.js'
import { boardHeaders, strictHeaders } from './headers.js'
import { layout } from './layout.js'
import { liveRoutes } from './live.js'
import { admit, logInRoutes } from './log-in.js'
import type { Overview } from './page/overview.js'
import { overviewPage, regions } from './page/page.js'
import type { Visit } from './person.js'
import { plotsOf } from './plots.js'
import { sameOriginOnly } from './same-origin.js'
import { problemPage } from './small-pages.js'
import { limitStreams } from './stream-limit.js'
import { verdictOf } from './verdict/verdict.js'

const LIVE_INTERVAL_MS = 1000
/** Far more than any form here or in bull-board sends. */
const MAX_BODY_BYTES = 64 * 1024

/** The operators' page as a web application. */
export function createDashboardApp(context: DashboardContext): Hono<Visit> {
  const { access, reader, actions, log } = context
  const app = new Hono<Visit>()
  app.use(async (c, next) => (c.req.path.startsWith(BOARD_PATH) ? boardHeaders : strictHeaders)(c, next))
  app.onError((error, c) => failurePage(error, c, log))
  app.notFound((c) => c.html(problemPage(undefined, 'There is no such page', []), 404))

  const insideOnly = admit(access)
  app.on('GET', ['/metrics', '/readyz'], (c, next) =>
    signOfProxy(c) === undefined ? next() : insideOnly(c, next),
  )
  app.route('/', context.health)
  app.use(sameOriginOnly(access.clientOf))
  app.get('/assets/:name', serveAsset)
  app.route('/', logInRoutes(access))
  app.use(insideOnly)
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES }))

  async function overview(person: Overview['person']): Promise<Overview> {
    const state = await reader.read()
    const now = new Date()
    const verdict = verdictOf(state, { ...context.settings, now })
    return { state, verdict, now, person, task: actions.tasks.current(), notAudited: actions.notAudited() }
  }

  app.get('/', async (c) => c.html(overviewPage(await overview(visitor(c)))))
  app.get('/events', limitStreams())
  app.route(
    '/',
    liveRoutes({
      log,
      intervalMs: LIVE_INTERVAL_MS,
      stillAllowed: async (c) => (await access.enter(c)).status === 'in',
      regionsFor: async (person) => {
        const now = await overview(person)
        return Object.fromEntries(
          Object.entries(regions(now)).map(([name, markup]) => [name, String(markup)]),
        )
      },
    }),
  )
  app.get('/plots.json', async (c) =>
    c.json(plotsOf(await reader.readMinutes(), context.samples, new Date())),
  )
  app.get('/runbook', async (c) =>
    c.html(
      layout(
        { title: 'Runbook', person: visitor(c) },
        html`<article class="card prose">${raw(await runbookHtml())}</article>`,
      ),
    ),
  )
  app.route('/', actionRoutes(context))
  mountBoard(app, context)
  return app
}

function visitor(c: Context<Visit>) {
  return { ...c.get('person'), hasSession: c.get('hasSession') }
}

async function serveAsset(c: Context<Visit>): Promise<Response> {
  const file = await asset(c.req.param('name') ?? '')
  return file === undefined
    ? c.notFound()
    : c.body(file.body, 200, { 'content-type': file.type, 'cache-control': 'no-cache' })
}

function mountBoard(app: Hono<Visit>, { queue, actions, reader }: DashboardContext): void {
  const board = createBoard(queue)
  app.get('/jobs/:id', async (c) => {
    const path = await boardPathOf(queue, c.req.param('id'))
    if (path !== undefined) return c.redirect(path)
    return c.html(
      problemPage(visitor(c), 'That job is gone', [
        'A completed job is kept for an hour, a failed one for 14 days. Look its user up instead.',
      ]),
      404,
    )
  })
  app.get(BOARD_PATH, (c) => c.redirect(`${BOARD_PATH}/`))
  app.get(`${BOARD_PATH}/*`, board)
  app.all(`${BOARD_PATH}/*`, operatorsOnly, async (c) => {
    let response: Response | undefined
    await actions.onJobs(c.get('person'), boardAction(c.req.method, c.req.path), async () => {
      response = await board(c)
      return response.ok
    })
    reader.expire()
    return response ?? c.notFound()
  })
}

function failurePage(error: Error, c: Context<Visit>, log: Logger): Response | Promise<Response> {
  if (error instanceof HTTPException) return error.getResponse()
  log.warn({ err: error, path: c.req.path }, 'a page could not be shown')
  const page = problemPage(c.get('person') === undefined ? undefined : visitor(c), 'That did not work', [
    safeError(error).message,
    'The database or the queue may be away; the overview says more.',
  ])
  return c.html(page, 502)
}
