import { Counter, Histogram, type Registry } from 'prom-client'
import type { Source } from '../queue/user-created.js'
import type { PublishResult } from './publish-result.js'

/**
 * Counts publish results by status and source in the application's own registry, and how long publishing took. Several
 * publishers on one registry share its series.
 */
export function createPublishMetrics(
  registry: Registry,
): (source: Source | 'invalid', status: PublishResult['status'], ms: number) => void {
  const registers = [registry]
  const results = once(registry, 'auto_enroll_publish_total', Counter, (name) => {
    return new Counter({
      name,
      help: 'Published events by status and source',
      labelNames: ['status', 'source'],
      registers,
    })
  })
  const seconds = once(registry, 'auto_enroll_publish_seconds', Histogram, (name) => {
    return new Histogram({
      name,
      help: 'How long publishing kept a sign-up waiting',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers,
    })
  })
  return (source, status, ms) => {
    results.inc({ status, source })
    seconds.observe(ms / 1000)
  }
}

function once<M>(
  registry: Registry,
  name: string,
  kind: abstract new (...args: never) => M,
  make: (name: string) => M,
): M {
  const known: unknown = registry.getSingleMetric(name)
  return known instanceof kind ? known : make(name)
}
