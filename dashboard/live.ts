import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Person, Visit } from './person.js'

interface LiveOptions {
  /** The changing parts of the page for somebody, by name. */
  regionsFor: (person: Person & { hasSession: boolean }) => Promise<Record<string, string>>
  /** Whether who opened the stream may still read. */
  stillAllowed: (c: Context<Visit>) => Promise<boolean>
  intervalMs: number
}

/** A stream of `regions` events, each with those parts of the page that changed since the last. */
export function streamRegions(
  c: Context<Visit>,
  { regionsFor, stillAllowed, intervalMs }: LiveOptions,
): Response {
  const person = { ...c.get('person'), hasSession: c.get('hasSession') }
  return streamSSE(c, async (stream) => {
    let sent: Record<string, string> = {}
    while (!stream.aborted && !stream.closed && (await stillAllowed(c))) {
      const regions = await regionsFor(person)
      const changed = Object.fromEntries(
        Object.entries(regions).filter(([name, html]) => sent[name] !== html),
      )
      // An empty event tells proxies and browsers that the stream lives.
      await stream.writeSSE({ event: 'regions', data: JSON.stringify(changed), retry: 2000 })
      sent = regions
      await stream.sleep(intervalMs)
    }
  })
}
