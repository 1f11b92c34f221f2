/** Each has a chapter of this name in the runbook. */
export type Symptom =
  | 'everyone-is-enrolled'
  | 'users-are-waiting'
  | 'stuck'
  | 'no-worker'
  | 'paused'
  | 'users-are-missing'
  | 'no-published-course'
  | 'enrolled-twice'
  | 'queue-unreachable'
  | 'database-unreachable'
  | 'switched-off'
  | 'counting'

/** What an operator should know first. */
export interface Verdict {
  symptom: Symptom
  tone: 'good' | 'busy' | 'warning' | 'bad' | 'neutral'
  headline: string
  details: string[]
  /** What to press, the best first. */
  actions: ('resume' | 'pause' | 'backfill' | 'failures')[]
}
