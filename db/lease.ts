import { randomUUID } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { Database } from './schema.js'

/** The right to do something that only one process of the fleet does at a time. */
export interface Lease {
  /**
   * To be awaited between the steps of the work. A holder that takes no step for half a minute loses the lease.
   *
   * @throws {LeaseLost} if another process has taken over, which then does the rest of the work
   */
  renew(): Promise<void>
}

export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'

  constructor() {
    super('this worker was silent for too long, and another one has taken over')
  }
}

interface LeaseOptions {
  name: string
  /** How often the fleet does the work, in milliseconds. */
  everyMs: number
  /** How long a silent holder keeps the lease. Default 30 s: more than a step takes, even at the database's timeout. */
  leaseMs?: number
}

/** After this many intervals another process may take over. Until then the last holder goes on, because it remembers what it did. */
const INTERVALS_UNTIL_TAKEOVER = 1.5
const RENEWALS_PER_LEASE = 6

export interface LeasedWork {
  /** @returns what `work` returns; `undefined` at once if another process is doing it, or did it recently */
  run<T>(work: (lease: Lease) => Promise<T>): Promise<T | undefined>
  /** Lets another process begin at once. */
  handOver(): Promise<void>
}

/**
 * Work that one process of the fleet does at a time. The lease is a row of `auto_enroll.lease`: the work holds neither a
 * transaction nor a connection, so any pooler will do. Only the database's clock counts; times in its future (it was set
 * back) count as past.
 */
export function createLease(db: Database, { name, everyMs, leaseMs = 30_000 }: LeaseOptions): LeasedWork {
  const holder = randomUUID()
  const now = sql`clock_timestamp()`
  const end = sql`${now} + ${milliseconds(leaseMs)}`
  const longAgo = sql`${now} - ${milliseconds(everyMs * INTERVALS_UNTIL_TAKEOVER)}`

  const acquisition = sql`
    insert into auto_enroll.lease as lease (name, holder, held_until) values (${name}, ${holder}, ${end})
    on conflict (name) do update set holder = excluded.holder, held_until = excluded.held_until
    where lease.holder = excluded.holder or lease.held_until not between ${now} and ${end}
      and (lease.ended_at between ${longAgo} and ${now}) is not true
    returning 1
  `
  const renewal = sql`
    update auto_enroll.lease set held_until = ${end} where name = ${name} and holder = ${holder} returning 1
  `
  const release = (endedAt: RawBuilder<unknown>) => sql`
    update auto_enroll.lease set held_until = ${now}, ended_at = ${endedAt}
    where name = ${name} and holder = ${holder}
  `
  const succeeds = async (statement: RawBuilder<unknown>) => (await statement.execute(db)).rows.length > 0

  return {
    async run(work) {
      let renewedAt = performance.now()
      if (!(await succeeds(acquisition))) return undefined
      const lease: Lease = {
        async renew() {
          const askedAt = performance.now()
          if (askedAt - renewedAt < leaseMs / RENEWALS_PER_LEASE) return
          if (!(await succeeds(renewal))) throw new LeaseLost()
          renewedAt = askedAt
        },
      }
      // After a failure, another process may try at once.
      let endedAt = sql`ended_at`
      try {
        const done = await work(lease)
        endedAt = now
        return done
      } finally {
        // The work is done even if the lease cannot be released now; it then runs out by itself.
        await release(endedAt)
          .execute(db)
          .catch(() => undefined)
      }
    },
    handOver: async () => void (await release(sql`null`).execute(db)),
  }
}

function milliseconds(count: number): RawBuilder<unknown> {
  return sql`${sql.lit(count)} * interval '1 millisecond'`
}
