import { within } from '../config/deadline.js'
import type { EventQueue } from './open.js'

/** A process's own metrics in Prometheus' text format, followed by BullMQ's if the queue responds in time. */
export async function withBullMetrics(
  own: Promise<string>,
  queue: EventQueue,
  timeoutMs: number,
): Promise<string> {
  const texts = await Promise.all([own, within(timeoutMs, exportBullMetrics(queue)).catch(() => '')])
  return texts.join('\n')
}

/** BullMQ's own figures, labelled by partition if there are several. */
async function exportBullMetrics(queue: EventQueue): Promise<string> {
  const bulls = queue.partitions()
  if (bulls.length === 1) return queue.bull().exportPrometheusMetrics()
  const texts = await Promise.all(
    bulls.map((bull, index) => bull.exportPrometheusMetrics({ partition: String(index) })),
  )
  return grouped(texts)
}

/** The format requires all samples of a metric together, under one description. */
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
