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

// HSTS is the TLS proxy's job.
// Without a referrer, browsers send `Origin: null` with a form, which another site's form may send too.
const COMMON = {
  strictTransportSecurity: false,
  xFrameOptions: 'DENY',
  referrerPolicy: 'same-origin',
} as const

/** Strict headers: nothing from other hosts, no inline scripts or styles, no framing. */
export const strictHeaders: MiddlewareHandler = secureHeaders({ ...COMMON, contentSecurityPolicy: POLICY })

/** The same for bull-board, which uses inline styles. */
export const boardHeaders: MiddlewareHandler = secureHeaders({
  ...COMMON,
  contentSecurityPolicy: { ...POLICY, styleSrc: ["'self'", "'unsafe-inline'"] },
})
