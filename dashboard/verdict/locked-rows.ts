import type { Blocker } from '../../db/blockers.js'
import { count, durationInWords } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'

/** Transactions that are younger will most likely end by themselves. */
const PATIENCE_MS = 5000

export function lockedRows(facts: Facts): Finding | undefined {
  const blockers = lastingBlockers(facts)
  const [worst] = blockers
  if (worst === undefined) return undefined
  return {
    symptom: 'locked-rows',
    tone: 'warning',
    headline: `Locks in Postgres hold up auto-enroll: ${blockerInWords(worst, facts.now)}`,
    details: [
      ...blockers.slice(1, 4).map((blocker) => `Also ${blockerInWords(blocker, facts.now)}.`),
      'Only users whose rows are locked wait for it. If nobody needs that transaction, end it in Postgres: ' +
        `${endingOf(worst)}.`,
    ],
    actions: [],
  }
}

/** Sessions that have held up auto-enroll for longer than a moment, the worst first. */
export function lastingBlockers({ state, now }: Facts): Blocker[] {
  const { blockers } = state
  if (blockers.status !== 'known') return []
  return blockers.value.filter(({ since }) => since === null || now.getTime() - since.getTime() > PATIENCE_MS)
}

/** `process 4711 of bob (psql) has locked rows of "User" for 3 min and is idle in transaction`. */
export function blockerInWords(blocker: Blocker, now: Date): string {
  const { pid, user, applicationName, state, since, relation, blocked } = blocker
  const who =
    pid === 0
      ? 'a prepared transaction'
      : `process ${pid}${user === null ? '' : ` of ${user}`}${applicationName === '' ? '' : ` (${applicationName})`}`
  const age = since === null ? '' : ` for ${durationInWords(now.getTime() - since.getTime())}`
  const doing = state === null ? '' : `, ${state}`
  return `${who} holds locks${relation === null ? '' : ` on ${relation}`}${age}${doing}; ${count(blocked, 'session')} of auto-enroll ${blocked === 1 ? 'waits' : 'wait'}`
}

function endingOf({ pid }: Blocker): string {
  return pid === 0
    ? 'select gid from pg_prepared_xacts shows it, rollback prepared ends it'
    : `select pg_terminate_backend(${pid})`
}
