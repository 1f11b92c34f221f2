import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { HonoAdapter } from '@bull-board/hono'
import { serveStatic } from '@hono/node-server/serve-static'
import { type Context, Hono } from 'hono'
import type { AuditedAction } from '../db/audit.js'
import type { BullQueue, EventQueue } from '../queue/open.js'
import { QUEUE_NAME } from '../queue/user-created.js'
import type { Person, Visit } from './person.js'

export const BOARD_PATH = '/queues'
const MAX_JOBS_PER_PAGE = 100

/** Serves bull-board: everything to operators, and to viewers what only reads. */
export function createBoard(queue: EventQueue): (c: Context<Visit>) => Promise<Response> {
  const boards = new Map<Person['role'], Hono>()

  function boardFor(role: Person['role']): Hono {
    const known = boards.get(role)
    if (known !== undefined) return known
    const app = makeBoard(queue.partitions(), role === 'viewer')
    boards.set(role, app)
    return app
  }

  return async (c) => {
    if (Number(c.req.query('jobsPerPage') ?? 0) > MAX_JOBS_PER_PAGE) {
      return c.text(`At most ${MAX_JOBS_PER_PAGE} jobs on a page.`, 400)
    }
    const response = await boardFor(c.get('person').role).fetch(c.req.raw, c.env)
    if (response.headers.get('content-type')?.startsWith('text/html') !== true) return response
    return new Response(withoutOtherHosts(await response.text()), response)
  }
}

/** The path at which bull-board shows a job, or `undefined` if no partition holds it any more. */
export async function boardPathOf(queue: EventQueue, jobId: string): Promise<string | undefined> {
  const jobs = await Promise.all(queue.partitions().map((bull) => bull.getJob(jobId)))
  const partition = jobs.findIndex((job) => job !== undefined)
  if (partition === -1) return undefined
  const name = `${prefixOf(partition)}${QUEUE_NAME}`
  return `${BOARD_PATH}/queue/${name}/${encodeURIComponent(jobId)}?status=${await jobs[partition]?.getState()}`
}

function prefixOf(partition: number): string {
  return partition === 0 ? '' : `${partition}-`
}

function makeBoard(partitions: readonly BullQueue[], readOnlyMode: boolean): Hono {
  const serverAdapter = new HonoAdapter(serveStatic)
  serverAdapter.setBasePath(BOARD_PATH)
  createBullBoard({
    // bull-board tells queues apart by name, and all partitions have the same.
    queues: partitions.map(
      (bull, index) => new BullMQAdapter(bull, { readOnlyMode, prefix: prefixOf(index) }),
    ),
    serverAdapter,
    options: {
      uiConfig: {
        boardTitle: 'auto-enroll',
        miscLinks: [{ text: 'Overview', url: '/' }],
        hideDocsLink: true,
        hideRedisDetails: true,
      },
    },
  })
  return new Hono({ strict: false }).route(BOARD_PATH, serverAdapter.registerPlugin())
}

/** bull-board's page loads fonts from another host; it works without them. */
function withoutOtherHosts(page: string): string {
  return page.replace(/<link[^>]+href="https?:[^>]*>/g, '')
}

/** What a request that changes something does, as the audit log calls it. */
export function boardAction(method: string, path: string): { action: AuditedAction; target?: string } {
  const what = path.slice(`${BOARD_PATH}/api/queues`.length)
  if (/^(\/[^/]+)?\/pause$/.test(what)) return { action: 'pause' }
  if (/^(\/[^/]+)?\/resume$/.test(what)) return { action: 'resume' }
  return { action: 'jobs', target: `${method} ${what}`.slice(0, 200) }
}
