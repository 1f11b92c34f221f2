/**
 * What became of an event. `queued`: a worker will see to it. `duplicate`: the user has an unfinished event already.
 * `deferred`: the queue could not confirm in time, and the reconciler will see to it. `disabled`: `enabled` is false.
 * `rejected`: the event itself is invalid.
 */
export type PublishResult =
  | { status: 'queued' | 'duplicate' | 'disabled' }
  | { status: 'deferred' | 'rejected'; reason: string }
