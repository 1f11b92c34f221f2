import type { Depth } from '../../queue/depth.js'
import { lastKnown } from '../fresh.js'
import type { CoverageFacts, State } from '../state.js'
import type { Verdict } from './finding.js'

export interface VerdictContext {
  now: Date
  /** How often the fleet reconciles, as the settings tell; 0 for never. */
  reconcileIntervalMs: number
  enabled: boolean
}

export interface Facts {
  state: State
  context: VerdictContext
  depth: Depth | undefined
  coverage: CoverageFacts | undefined
}

export type Judge = (facts: Facts) => Verdict | undefined

export function factsOf(state: State, context: VerdictContext): Facts {
  return {
    state,
    context,
    depth: state.depth.status === 'known' ? state.depth.value : undefined,
    coverage: lastKnown(state.coverage),
  }
}
