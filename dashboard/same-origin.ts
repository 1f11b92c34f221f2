import type { MiddlewareHandler } from 'hono'

const READING = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses what changes something unless the browser says that a page of ours sent it: by `Sec-Fetch-Site`, else by an
 * `Origin` that is the `Host`. Of any content type, because bull-board's requests are JSON or have no body; and by the
 * host alone, because a proxy may have ended TLS.
 */
export const sameOriginOnly: MiddlewareHandler = async (c, next) => {
  if (READING.includes(c.req.method)) return next()
  const site = c.req.header('sec-fetch-site')
  const origin = c.req.header('origin')
  const fromHere = origin !== undefined && hostOf(origin) === c.req.header('host')
  if (site === undefined ? fromHere : site === 'same-origin' && (origin === undefined || fromHere))
    return next()
  return c.text(
    'Refused: this request did not come from a page of this dashboard (Origin, Sec-Fetch-Site).',
    403,
  )
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
