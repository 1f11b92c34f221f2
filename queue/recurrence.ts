const LONGEST_WAIT_MS = 60 * 60 * 1000

/**
 * How long the reconciler leaves a user alone after queueing them for the `times`th time without success: 1, 2, 4 … intervals,
 * at most an hour. Half an interval less, because rounds are never on the dot.
 */
export function recurrenceWaitMs(times: number, intervalMs: number): number {
  return Math.min(intervalMs * (2 ** (times - 1) - 0.5), LONGEST_WAIT_MS)
}

/** What is known of a user's earlier jobs. */
export interface EarlierJob {
  source: string
  queuedAt: Date
}

/**
 * When the reconciler queues a user again at the latest, judged by the user's earlier jobs; a worker that was restarted since
 * does so earlier. In the past where the next round is due.
 */
export function nextRoundBy(jobs: readonly EarlierJob[], intervalMs: number, now: Date): Date {
  const rounds = jobs.filter((job) => job.source === 'reconcile').map((job) => job.queuedAt.getTime())
  const waitedFor =
    rounds.length === 0 ? now.getTime() : Math.max(...rounds) + recurrenceWaitMs(rounds.length, intervalMs)
  return new Date(Math.max(waitedFor, now.getTime()) + intervalMs)
}
