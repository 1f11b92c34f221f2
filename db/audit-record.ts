import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { type AuditEvent, onAuditLog } from './audit.js'
import type { Database } from './schema.js'

/** What came of an action. */
export interface Ended {
  result: string
  succeeded: boolean
}

/** The entry of one action in the audit log, while the action runs. */
export interface AuditRecord {
  /** Why the beginning could not be written, if it could not; the entry may still be written at the end. */
  failure: unknown
  /** Remembers how far a long action has got. It is written every few seconds, in the background. */
  progress(soFar: string): void
  /**
   * Writes the result.
   *
   * @returns why the entry could not be written, if it could not
   */
  end(ended: Ended): Promise<unknown>
}

/** An action waits no longer than this for its entry, at its beginning and its end together, unless it runs for long. */
const PATIENCE_MS = 1000
const LONG_MS = 10_000
/** Below the half minute after which an entry without a result counts as cut off. */
const HEARTBEAT_MS = 5000

/**
 * Begins an entry in the audit log. An action is done whether or not its entry can be written, or nobody could pause while
 * the database is away. So this never rejects, and waits a second at most.
 */
export async function beginRecord(db: Database, event: AuditEvent): Promise<AuditRecord> {
  const key = randomUUID()
  const startedAt = performance.now()
  let soFar: string | undefined
  let isBeating = false

  /** Each writes the whole entry, so it does not matter which of them get through, or in which order. */
  async function write(timeoutMs: number, ended?: Ended): Promise<unknown> {
    try {
      await onAuditLog(
        db,
        timeoutMs,
        sql`
          insert into auto_enroll.audit as entry
            (key, at, who, "through", action, target, progress, result, succeeded, seen_at, finished_at)
          values (
            ${key}, now() - ${performance.now() - startedAt}::float8 * interval '1 millisecond', ${event.who}, ${event.through},
            ${event.action}, ${event.target ?? null}, ${soFar ?? null}, ${ended?.result ?? null},
            ${ended?.succeeded ?? null}, now(), case when ${ended !== undefined}::boolean then now() end
          )
          on conflict (key) do update set progress = excluded.progress, result = excluded.result,
            succeeded = excluded.succeeded, seen_at = now(), finished_at = excluded.finished_at
          where entry.finished_at is null
        `,
      )
      return undefined
    } catch (error) {
      return error
    }
  }

  async function beat(): Promise<void> {
    if (isBeating) return
    isBeating = true
    await write(HEARTBEAT_MS)
    isBeating = false
  }

  const failure = await write(PATIENCE_MS)
  const spentMs = performance.now() - startedAt
  const heartbeat = setInterval(() => void beat(), HEARTBEAT_MS)
  heartbeat.unref()

  return {
    failure,
    progress(words) {
      soFar = words
    },
    async end(ended) {
      clearInterval(heartbeat)
      const isLong = performance.now() - startedAt > LONG_MS
      const patienceMs = isLong ? PATIENCE_MS : PATIENCE_MS - spentMs
      // Nothing is gained by asking a database again that was silent a moment ago.
      if (failure !== undefined && patienceMs < PATIENCE_MS / 10) return failure
      return write(patienceMs, ended)
    },
  }
}
