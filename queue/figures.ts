import type { EventQueue } from './open.js'

/** BullMQ's own figures in Prometheus' text format, told apart by partition where there are several. */
export async function exportBullMetrics(queue: EventQueue): Promise<string> {
  const bulls = queue.partitions()
  if (bulls.length === 1) return queue.bull().exportPrometheusMetrics()
  const texts = await Promise.all(
    bulls.map((bull, index) => bull.exportPrometheusMetrics({ partition: String(index) })),
  )
  return grouped(texts)
}

/** The format wants the samples of a metric together, under one description. */
function grouped(texts: readonly string[]): string {
  const metrics = new Map<string, Set<string>>()
  for (const text of texts) {
    for (const line of text.split('\n').filter((line) => line !== '')) {
      const name = /^(?:# (?:HELP|TYPE) )?([a-zA-Z0-9_:]+)/.exec(line)?.[1] ?? ''
      metrics.set(name, (metrics.get(name) ?? new Set()).add(line))
    }
  }
  return [...metrics.values()].flatMap((lines) => [...lines]).join('\n')
}
