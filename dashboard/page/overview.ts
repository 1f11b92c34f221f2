import type { NotAudited } from '../actions.js'
import type { Person } from '../person.js'
import type { State } from '../state.js'
import type { Task } from '../tasks.js'
import type { Verdict } from '../verdict/finding.js'

export interface Overview {
  state: State
  verdict: Verdict
  task: Task | undefined
  /** What this dashboard did and could not record, the latest first. */
  notAudited: readonly NotAudited[]
  person: Person & { hasSession: boolean }
  now: Date
}
