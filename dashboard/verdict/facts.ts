import type { UserCoverage } from '../../db/coverage.js'
import { type Cause, causeInWords } from '../../queue/causes.js'
import type { Depth } from '../../queue/depth.js'
import { type Dated, dated } from '../dated.js'
import { lastKnown } from '../fresh.js'
import type { Circumstances } from '../next-try.js'
import type { CoverageDetails, State } from '../state.js'
import type { Finding } from './finding.js'

export interface VerdictContext {
  now: Date
  /** How often the fleet reconciles, as this process' settings say; 0 for never. */
  reconcileIntervalMs: number
  enabled: boolean
}

/** What the verdict is derived from. */
export interface Facts extends VerdictContext {
  state: State
  /** Known at this moment, or not at all. */
  depth: Depth | undefined
  coverage: Dated<UserCoverage> | undefined
  details: Dated<CoverageDetails> | undefined
  /** Why the page cannot read the database, in words. */
  databaseTrouble: string | undefined
  circumstances: Circumstances
}

const READ_ONLY = '25006'

export type Judge = (facts: Facts) => Finding | undefined

export function factsOf(state: State, context: VerdictContext): Facts {
  const { now } = context
  const depth = dated(state.depth, now)
  const known = depth?.isOld === false ? depth.value : undefined
  const databaseTrouble = state.coverage.status === 'failed' ? troubleInWords(state.coverage) : undefined
  return {
    ...context,
    state,
    depth: known,
    coverage: dated(state.coverage, now, state.changedAt),
    details: dated(state.details, now, state.changedAt),
    databaseTrouble,
    circumstances: {
      ...context,
      limits: known?.limits,
      workers: known?.workers,
      databaseTrouble: databaseTrouble ?? readOnlyInWords(known),
      otherDatabase: lastKnown(state.foreignOwner)?.name,
    },
  }
}

/** A database that can be read but not written shows in the jobs only. */
function readOnlyInWords(depth: Depth | undefined): string | undefined {
  const trouble = depth?.troubles.find(({ cause }) => cause.code === READ_ONLY)
  return trouble && causeInWords(trouble.cause)
}

function troubleInWords({ reason, code }: { reason: string; code?: string }): string {
  return causeInWords({ id: '', message: reason, ...(code === undefined ? {} : { code }) } satisfies Cause)
}
