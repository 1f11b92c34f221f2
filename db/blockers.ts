import { sql } from 'kysely'
import type { Database } from './schema.js'

/** A session whose locks hold up sessions of auto-enroll. */
export interface Blocker {
  /** Its process on the server; 0 for a prepared transaction, which has none. */
  pid: number
  user: string | null
  applicationName: string
  /** `active`, `idle in transaction`, …; `null` where our role may not see it. */
  state: string | null
  /** When its transaction began; `null` where our role may not see it. */
  since: Date | null
  /** The table that is waited for, where the lock names one. */
  relation: string | null
  /** How many sessions of auto-enroll wait for it. */
  blocked: number
}

/**
 * Reads who holds up auto-enroll in this database at this moment: the sessions at the end of each chain of waiting, with
 * those that block most first. Never reads what they run.
 */
export async function readBlockers(db: Database): Promise<Blocker[]> {
  // pg_locks, because roles without pg_read_all_stats do not see in pg_stat_activity that another role's session waits.
  const { rows } = await sql<Blocker>`
    with recursive waiting as (
      select l.pid, max(coalesce(l.relation, t.relation)) as relation
      from pg_locks l join pg_stat_activity a using (pid)
      left join pg_locks t on t.pid = l.pid and t.locktype = 'tuple'
      where not l.granted and a.datname = current_database() and a.application_name like 'auto-enroll%'
      group by l.pid
    ), chain as (
      select w.pid as waiter, unnest(pg_blocking_pids(w.pid)) as pid from waiting w
      union select chain.waiter, unnest(pg_blocking_pids(chain.pid)) from chain where chain.pid <> 0
    )
    select c.pid, a.usename as "user", coalesce(a.application_name, '') as "applicationName", a.state,
      a.xact_start as since, max(c.relation)::regclass::text as relation, count(distinct c.waiter)::int as blocked
    from (select chain.*, waiting.relation from chain join waiting on waiting.pid = chain.waiter) c
    left join pg_stat_activity a on a.pid = c.pid
    where c.pid = 0 or cardinality(pg_blocking_pids(c.pid)) = 0
    group by c.pid, a.usename, a.application_name, a.state, a.xact_start
    order by blocked desc, c.pid
  `.execute(db)
  return rows
}
