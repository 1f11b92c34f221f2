import { join } from 'node:path'
import type { Servers } from './servers.js'

/** What a scenario gets. */
export interface Bench {
  servers: Servers
  quick: boolean
  /** Rounds of each comparison that count. */
  rounds: number
  /** Shows what is being measured. */
  progress: (what: string) => void
  /** Settings of an auto-enroll worker: the defaults, but with the reconciler off, because it would interfere. */
  workerEnv(databaseUrl: string, prefix: string, partitions?: number): Record<string, string>
  logFile(name: string): string
}

export function createBench(
  servers: Servers,
  folder: string,
  quick: boolean,
  progress: Bench['progress'],
): Bench {
  return {
    servers,
    quick,
    rounds: quick ? 2 : 5,
    progress,
    workerEnv: (databaseUrl, prefix, partitions = 1) => ({
      DATABASE_URL: databaseUrl,
      QUEUE_URL: servers.redis.url,
      QUEUE_PREFIX: prefix,
      QUEUE_PARTITIONS: String(partitions),
      RECONCILE_INTERVAL_MS: '0',
      WORKER_HTTP_PORT: '0',
    }),
    logFile: (name) => join(folder, `${name}.log`),
  }
}
