import { durationInWords } from '../../dashboard/words.js'
import { type Blocker, readBlockers } from '../../db/blockers.js'
import type { Database } from '../../db/schema.js'
import { type Check, ok, warning } from './check.js'

/** Names the sessions whose locks hold up auto-enroll at this moment. */
export async function checkBlockers(db: Database): Promise<Check[]> {
  const blockers = await readBlockers(db)
  if (blockers.length === 0) return [ok('locks', 'no session holds up auto-enroll')]
  return blockers.map((blocker) =>
    warning(
      'locks',
      `${nameOf(blocker)} holds up ${blocker.blocked} of auto-enroll's sessions${
        blocker.relation === null ? '' : ` on ${blocker.relation}`
      }`,
      blocker.pid === 0
        ? 'commit or roll back the prepared transaction (pg_prepared_xacts)'
        : `let it end its transaction, or end it: select pg_terminate_backend(${blocker.pid})`,
    ),
  )
}

function nameOf({ pid, user, applicationName, state, since }: Blocker): string {
  if (pid === 0) return 'a prepared transaction'
  const parts = [
    user,
    applicationName,
    state,
    since === null ? '' : `for ${durationInWords(Date.now() - since.getTime())}`,
  ].filter((part) => part !== null && part !== '')
  return `session ${pid}${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`
}
