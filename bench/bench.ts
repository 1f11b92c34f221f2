import { join } from 'node:path'
import type { Servers } from './servers.js'

/** What a scenario works with. */
export interface Bench {
  servers: Servers
  quick: boolean
  /** Counted rounds of every comparison. */
  rounds: number
  /** Tells a person what is under way. */
  tell: (what: string) => void
  /** Settings of a worker process of ours: its defaults, but no reconciler, which would join in. */
  workerEnv(databaseUrl: string, prefix: string, partitions?: number): Record<string, string>
  logFile(name: string): string
}

export function createBench(servers: Servers, folder: string, quick: boolean, tell: Bench['tell']): Bench {
  return {
    servers,
    quick,
    rounds: quick ? 2 : 5,
    tell,
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
