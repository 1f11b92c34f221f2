import type { Context } from 'hono'

/** The login page's address, which remembers the page that somebody wanted to see. */
export function loginFor(c: Context): string {
  const { pathname, search } = new URL(c.req.url)
  const wanted = c.req.method === 'GET' ? pathname + search : '/'
  return wanted === '/' ? '/login' : `/login?next=${encodeURIComponent(wanted)}`
}

/** Where to go after logging in: a page of this site, whatever the address says. */
export function wayBack(next: unknown): string {
  if (typeof next !== 'string' || !next.startsWith('/')) return '/'
  const base = 'http://dashboard.invalid'
  const url = URL.canParse(next, base) ? new URL(next, base) : undefined
  if (url?.origin !== base || url.pathname === '/login') return '/'
  // A path that begins with two slashes would be another host's address.
  return url.pathname.replace(/^\/+/, '/') + url.search
}
