import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

const POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'"],
  connectSrc: ["'self'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
  baseUri: ["'self'"],
}

// Whether a site is to be had over TLS alone is for the proxy to say that ends it.
// Without a referrer a browser calls the origin of a form `null`, and it could not be told from another site's.
const COMMON = {
  strictTransportSecurity: false,
  xFrameOptions: 'DENY',
  referrerPolicy: 'same-origin',
} as const

/** Strict headers: nothing from another host, no inline script or style, in no frame. */
export const strictHeaders: MiddlewareHandler = secureHeaders({ ...COMMON, contentSecurityPolicy: POLICY })

/** The same for bull-board, whose page styles elements inline. */
export const boardHeaders: MiddlewareHandler = secureHeaders({
  ...COMMON,
  contentSecurityPolicy: { ...POLICY, styleSrc: ["'self'", "'unsafe-inline'"] },
})
