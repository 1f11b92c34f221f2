import type { Person } from '../person.js'
import type { State } from '../state.js'
import type { Task } from '../tasks.js'
import type { Verdict } from '../verdict/finding.js'

export interface Overview {
  state: State
  verdict: Verdict
  task: Task | undefined
  person: Person & { hasSession: boolean }
  now: Date
}
