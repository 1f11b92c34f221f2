import { Hono } from 'hono'
import type { Registry } from 'prom-client'

/** What the worker needs, and whether it can be reached; rejects when it cannot. */
type Checks = Readonly<Record<string, () => Promise<unknown>>>

export interface HealthOptions {
  registry: Registry
  /** Checked by `/readyz`. */
  checks: Checks
  /** Why the process should be restarted, or `undefined`. Checked by `/healthz`. */
  unhealthy: () => string | undefined
  describeError: (error: unknown) => string
}

const CHECK_TIMEOUT_MS = 2000

/** `/healthz` (is the process in order), `/readyz` (can it reach what it needs) and `/metrics` (Prometheus). */
export function createHealthApp({ registry, checks, unhealthy, describeError }: HealthOptions): Hono {
  const app = new Hono()
  app.get('/healthz', (c) => {
    const reason = unhealthy()
    return reason === undefined ? c.json({ status: 'ok' }) : c.json({ status: 'unhealthy', reason }, 503)
  })
  app.get('/readyz', async (c) => {
    const results = await Promise.all(
      Object.entries(checks).map(
        async ([name, check]) => [name, await outcomeOf(check, describeError)] as const,
      ),
    )
    const ready = results.every(([, outcome]) => outcome === 'ok')
    return c.json(
      { status: ready ? 'ready' : 'not ready', ...Object.fromEntries(results) },
      ready ? 200 : 503,
    )
  })
  app.get('/metrics', async (c) =>
    c.text(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  )
  return app
}

async function outcomeOf(
  check: () => Promise<unknown>,
  describeError: (error: unknown) => string,
): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, CHECK_TIMEOUT_MS, `no answer within ${CHECK_TIMEOUT_MS} ms`)
  })
  const answer = check().then(
    () => 'ok',
    (error: unknown) => describeError(error),
  )
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
