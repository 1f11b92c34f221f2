import { setTimeout as delay } from 'node:timers/promises'
import {
  assertSchemaCompatibility,
  type BackendFactory,
  PostgresConnection,
  PostgresQueueBackend,
} from 'bullmq'
import type pg from 'pg'

export interface PostgresBackendOptions {
  pool: pg.Pool
  schema: string
  /** Whether a failed start is retried until it succeeds, or fails the call that needs it. */
  waits: boolean
}

const RETRY_MS = 1000

/**
 * BullMQ's PostgreSQL backend in any schema. BullMQ's own factory assumes the schema `bullmq` when it is given a pool, and
 * never forgets a failed start: its queue then fails every call, and its worker spins.
 */
export function postgresBackend(
  options: PostgresBackendOptions,
): BackendFactory<PostgresQueueBackend, pg.Pool> {
  return (name, opts, { withBlockingConnection } = {}) =>
    new PostgresQueueBackend(
      new RecoveringConnection(options),
      name,
      opts as never,
      true,
      withBlockingConnection ? name : undefined,
    )
}

class RecoveringConnection extends PostgresConnection {
  override readonly schema: string
  readonly #options: PostgresBackendOptions
  #ready: Promise<void> | undefined

  constructor(options: PostgresBackendOptions) {
    super(options.pool)
    this.schema = options.schema
    this.#options = options
  }

  /** Resolves once the queue's schema is usable; after a failure the next call checks again. */
  override waitUntilReady(): Promise<void> {
    this.#ready ??= (this.#options.waits ? this.#checkUntilUsable() : this.#check()).catch(
      (error: unknown) => {
        this.#ready = undefined
        throw error
      },
    )
    return this.#ready
  }

  async #checkUntilUsable(): Promise<void> {
    for (;;) {
      try {
        return await this.#check()
      } catch (error) {
        if (this.#options.pool.ending) throw error
        this.emit('error', error)
      }
      await delay(RETRY_MS)
    }
  }

  async #check(): Promise<void> {
    await assertSchemaCompatibility(this.#options.pool, this.schema)
  }
}
