import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import type { Servers } from './servers.js'

/** Where something was measured, and what ran there. */
export function describeMachine({ versions }: Servers): string[] {
  const [cpu] = cpus()
  return [
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB of memory, ` +
      `${platform()} ${release()}`,
    `Node ${process.versions.node}, Redis ${versions.redis} (\`appendonly yes\`, \`appendfsync everysec\`), ` +
      `PostgreSQL ${versions.postgres} (default settings)`,
  ]
}

/** Processes that wanted to run in the last minute, on average. */
export function loadAverage(): number {
  return loadavg()[0] ?? 0
}
