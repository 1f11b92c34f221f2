import type { MiddlewareHandler } from 'hono'
import type { ClientReader } from './client.js'

const READING = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses a request that changes something unless it came from a page of this dashboard. A browser's `Sec-Fetch-Site` is
 * enough, because a proxy may have rewritten `Host`; browsers without it (any, over plain HTTP) must send an `Origin` that
 * is the `Host`, or what a trusted proxy says it was. By the host alone, because a proxy may have ended TLS.
 *
 * `hono/csrf` lets JSON pass unchecked, and bull-board's requests are JSON.
 */
export function sameOriginOnly(clientOf: ClientReader): MiddlewareHandler {
  return async (c, next) => {
    if (READING.includes(c.req.method)) return next()
    const site = c.req.header('sec-fetch-site')
    const host = hostOf(c.req.header('origin'))
    const isOurs =
      site === undefined ? host !== undefined && clientOf(c).hosts.includes(host) : site === 'same-origin'
    if (isOurs) return next()
    return c.text(
      'Refused: this request did not come from a page of this dashboard (Sec-Fetch-Site, Origin). Behind a proxy that ' +
        'changes the Host header, let it send X-Forwarded-Host with the port, and list it in DASHBOARD_TRUSTED_PROXIES.',
      403,
    )
  }
}

function hostOf(origin = ''): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
