import { Hono } from 'hono'
import { Registry } from 'prom-client'
import { within } from './deadline.js'

/** What the worker needs, and whether it can be reached; rejects when it cannot. */
type Checks = Readonly<Record<string, () => Promise<unknown>>>

export interface HealthOptions {
  /** The body of `/metrics`, in Prometheus' text format. */
  metrics: () => Promise<string>
  /** Checked by `/readyz`. */
  checks: Checks
  /** Why the process should be restarted, or `undefined`. Checked by `/healthz`. */
  unhealthy: () => string | undefined
  describeError: (error: unknown) => string
}

const CHECK_TIMEOUT_MS = 2000

/** `/healthz` (is the process in order), `/readyz` (can it reach what it needs) and `/metrics` (Prometheus). */
export function createHealthApp({ metrics, checks, unhealthy, describeError }: HealthOptions): Hono {
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
    c.text(await metrics(), 200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }),
  )
  return app
}

async function outcomeOf(
  check: () => Promise<unknown>,
  describeError: (error: unknown) => string,
): Promise<string> {
  return within(CHECK_TIMEOUT_MS, check()).then(() => 'ok', describeError)
}
