/** Each has a chapter of this name in the runbook. */
export type Symptom =
  | 'everyone-is-enrolled'
  | 'courses-are-missing'
  | 'users-are-waiting'
  | 'stuck'
  | 'no-worker'
  | 'paused'
  | 'limited'
  | 'locked-rows'
  | 'users-are-missing'
  | 'no-published-course'
  | 'enrolled-twice'
  | 'another-database'
  | 'queue-unreachable'
  | 'database-unreachable'
  | 'switched-off'
  | 'counting'

export type Tone = 'bad' | 'warning' | 'busy' | 'good' | 'neutral'

export type ActionName = 'resume' | 'remove-limits' | 'backfill' | 'failures'

/** One thing that an operator should know. */
export interface Finding {
  symptom: Symptom
  tone: Tone
  headline: string
  details: string[]
  /** What helps, the best first. */
  actions: ActionName[]
  /** Symptoms that this one explains or includes, and that are therefore not mentioned beside it. */
  covers?: Symptom[]
}

/** What to know first, and everything else that is wrong at the same time. */
export interface Verdict extends Finding {
  also: Finding[]
}
