import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import type { Servers } from './servers.js'

/** The machine and the versions that were measured. */
export function describeMachine({ versions }: Servers): string[] {
  const [cpu] = cpus()
  return [
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB of memory, ` +
      `${platform()} ${release()}`,
    `Node ${process.versions.node}, Redis ${versions.redis} (\`appendonly yes\`, \`appendfsync everysec\`), ` +
      `PostgreSQL ${versions.postgres} (default settings)`,
  ]
}

/** Average number of runnable processes in the last minute. */
export function loadAverage(): number {
  return loadavg()[0] ?? 0
}
