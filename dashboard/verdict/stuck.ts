import { causeInWords } from '../../queue/causes.js'
import type { Depth } from '../../queue/depth.js'
import { continuedAt } from '../state.js'
import { durationInWords } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'
import { blockerInWords, lastingBlockers } from './locked-rows.js'
import { coverageDetail, retryingInWords, whoWaits } from './phrases.js'

/** How old the oldest job must be, and how long nothing may have finished, to be called stuck. */
const STUCK_AFTER_MS = 60_000

export function stuck(facts: Facts): Finding | undefined {
  const { depth, databaseTrouble } = facts
  if (depth === undefined || !facts.enabled || depth.limits.paused > 0) return undefined
  const idleMs = idleFor(facts, depth)
  if (idleMs === undefined) return undefined
  const reason = reasonOf(facts, depth)
  return {
    symptom: depth.workers === 0 ? 'no-worker' : 'stuck',
    tone: 'bad',
    headline: `Stuck: ${whoWaits(depth)} waiting, nothing finished for ${durationInWords(idleMs)}: ${reason}`,
    details: [
      ...(depth.troubles.length > 1 ? retryingInWords(depth, facts.circumstances) : []),
      ...coverageDetail(facts),
    ],
    actions: [],
    covers: [
      'users-are-waiting',
      'counting',
      ...(reason === databaseTrouble ? (['database-unreachable'] as const) : []),
      ...(lastingBlockers(facts).length > 0 ? (['locked-rows'] as const) : []),
    ],
  }
}

/** For how long jobs have waited while none finished; `undefined` where that is no cause for alarm. */
function idleFor({ state, now }: Facts, depth: Depth): number | undefined {
  if (depth.oldestAt === undefined || depth.unfinished === 0) return undefined
  const ageMs = now.getTime() - depth.oldestAt.getTime()
  const idleSince = Math.max(
    (depth.lastFinishedAt ?? depth.oldestAt).getTime(),
    continuedAt(state)?.getTime() ?? 0,
  )
  const idleMs = Math.min(ageMs, now.getTime() - idleSince)
  return idleMs < STUCK_AFTER_MS + (depth.limits.rate?.perMs ?? 0) ? undefined : idleMs
}

function reasonOf(facts: Facts, depth: Depth): string {
  if (depth.workers === 0) return 'no worker is connected'
  const [blocker] = lastingBlockers(facts)
  if (blocker !== undefined) return blockerInWords(blocker, facts.now)
  const [trouble] = depth.troubles
  if (trouble !== undefined) return causeInWords(trouble.cause)
  if (facts.databaseTrouble !== undefined) return facts.databaseTrouble
  if (depth.active > 0) return 'the workers have jobs but do not finish them'
  return 'the workers that are connected take no jobs'
}
