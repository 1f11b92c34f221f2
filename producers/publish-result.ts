/**
 * What happened to an event. `queued`: a worker will enroll the user. `duplicate`: the user already has an unfinished event.
 * `deferred`: the queue did not confirm in time; the reconciler will find the user. `disabled`: `enabled` is false.
 * `rejected`: the event itself is invalid.
 */
export type PublishResult =
  | { status: 'queued' | 'duplicate' | 'disabled' }
  | { status: 'deferred' | 'rejected'; reason: string }
