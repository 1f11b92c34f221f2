import { causeInWords } from '../../queue/causes.js'
import type { Depth } from '../../queue/depth.js'
import { type State, setGoingAt } from '../state.js'
import { count, durationInWords } from '../words.js'
import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { coverageDetail, databaseInWords, lastCounted } from './phrases.js'

/** How old the oldest job must be, and how long nothing may have finished, to be called stuck. */
const STUCK_AFTER_MS = 60_000

export function stuck({ state, depth, context, coverage }: Facts): Verdict | undefined {
  if (depth?.oldestAt === undefined || depth.unfinished === 0) return undefined
  const ageMs = context.now.getTime() - depth.oldestAt.getTime()
  const idleSince = Math.max(
    (depth.lastFinishedAt ?? depth.oldestAt).getTime(),
    setGoingAt(state)?.getTime() ?? 0,
  )
  const idleMs = context.now.getTime() - idleSince
  if (ageMs < STUCK_AFTER_MS || idleMs < STUCK_AFTER_MS) return undefined
  return {
    symptom: depth.workers === 0 ? 'no-worker' : 'stuck',
    tone: 'bad',
    headline: `Stuck: ${count(depth.unfinished, 'user')} waiting, nothing finished for ${durationInWords(Math.min(idleMs, ageMs))}: ${stuckReason(state, depth)}`,
    details: state.coverage.status === 'failed' ? lastCounted(state, context.now) : coverageDetail(coverage),
    actions: depth.failed > 0 ? ['failures'] : [],
  }
}

function stuckReason(state: State, depth: Depth): string {
  if (depth.workers === 0) return 'no worker is connected'
  if (depth.retryingBecause !== undefined) return causeInWords(depth.retryingBecause)
  if (state.coverage.status === 'failed') return databaseInWords(state.coverage)
  if (depth.active > 0) return 'the workers have jobs but do not finish them'
  return 'the workers that are connected take no jobs'
}
