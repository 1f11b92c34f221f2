/** The results of a scenario, one row of the report. */
export interface Figures {
  scenario: string
  signUps: number
  /** Sign-ups that failed although the database could commit. */
  failed: number
  /** Sign-ups that the database could not commit, so that there is no user. */
  notCommitted: number
  longestPublishMs: number
  committed: number
  /** Users who lack a published course at the end. */
  lost: number
  duplicates: number
  failedJobs: number
  /** From the end of the fault to the last enrollment of anyone who had signed up by then. */
  recoveryMs: number
}

declare module 'vitest' {
  interface TaskMeta {
    figures?: Figures
  }
}
