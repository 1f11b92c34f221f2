import { type Context, Hono } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import type { Logger } from '../config/log.js'
import type { Person, Visit } from './person.js'

type Regions = Record<string, string>

interface LiveOptions {
  /** The changing parts of the page as this person sees them, by name. */
  regionsFor: (person: Person & { hasSession: boolean }) => Promise<Regions>
  /** Whether the person who opened the stream may still read. */
  stillAllowed: (c: Context<Visit>) => Promise<boolean>
  intervalMs: number
  log: Logger
}

/**
 * What an open page follows. `/events` sends the parts that changed, once every `intervalMs` even when none did, so that
 * silence means trouble. `/regions` returns all parts at once, for a page that hears nothing. Both say when they were made.
 */
export function liveRoutes({ regionsFor, stillAllowed, intervalMs, log }: LiveOptions): Hono<Visit> {
  const routes = new Hono<Visit>()

  routes.get('/regions', async (c) =>
    c.json({ at: new Date().toISOString(), regions: await regionsFor(visitor(c)) }),
  )
  routes.get('/events', (c) => {
    // nginx would collect events before passing them on.
    c.header('x-accel-buffering', 'no')
    return streamSSE(c, (stream) =>
      // Hono would print the error as it is, and a driver's message may repeat a row.
      follow(c, stream).catch((error: unknown) => log.warn({ err: error }, 'a page lost its live updates')),
    )
  })
  return routes

  async function follow(c: Context<Visit>, stream: SSEStreamingApi): Promise<void> {
    let sent: Regions = {}
    while (!stream.aborted && !stream.closed && (await stillAllowed(c))) {
      const regions = await regionsFor(visitor(c))
      const changed = Object.entries(regions).filter(([name, html]) => sent[name] !== html)
      await stream.writeSSE({
        event: 'regions',
        id: new Date().toISOString(),
        data: JSON.stringify(Object.fromEntries(changed)),
        retry: 1000,
      })
      sent = regions
      await stream.sleep(intervalMs)
    }
  }
}

function visitor(c: Context<Visit>) {
  return { ...c.get('person'), hasSession: c.get('hasSession') }
}
