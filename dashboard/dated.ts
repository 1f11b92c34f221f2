import type { Reading } from './fresh.js'
import { agoInWords } from './words.js'

/** A value that was read at some time. */
export interface Dated<T> {
  value: T
  readAt: Date
  /** Whether it may be taken for the present state; else it is shown as what was once read. */
  isValid: boolean
  /** Whether its age must be said. */
  isOld: boolean
}

const OLD_AFTER_MS = 15_000
/** Counting a large database takes long, and so is done rarely. */
const INVALID_AFTER_MS = 10 * 60_000

/**
 * What a reading last returned; `undefined` if it never did.
 *
 * @param changedAt when something was last done that makes every earlier value wrong
 */
export function dated<T>(reading: Reading<T>, now: Date, changedAt?: Date): Dated<T> | undefined {
  const last = reading.status === 'known' ? reading : reading.status === 'failed' ? reading.last : undefined
  if (last === undefined) return undefined
  const ageMs = now.getTime() - last.readAt.getTime()
  const isOutdated = changedAt !== undefined && last.readAt < changedAt
  const isValid = reading.status === 'known' && !isOutdated && ageMs < INVALID_AFTER_MS
  return { value: last.value, readAt: last.readAt, isValid, isOld: !isValid || ageMs >= OLD_AFTER_MS }
}

/** ` (counted 40 s ago)`, or nothing while it is new. */
export function countedAgo({ readAt, isOld }: Dated<unknown>, now: Date): string {
  return isOld ? ` (counted ${agoInWords(readAt, now)})` : ''
}
