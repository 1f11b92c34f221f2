import { setTimeout as delay } from 'node:timers/promises'
import { safeError } from '../config/safe-error.js'

/** Something that was read: what it is now known to be, why it is not, or that it is still being read. */
export type Reading<T> =
  | { status: 'known'; value: T; readAt: Date }
  | { status: 'failed'; code?: string; reason: string; readAt: Date; last?: { value: T; readAt: Date } }
  | { status: 'pending' }

export interface Fresh<T> {
  /**
   * What is known, at once; when it is too old it is read again behind the scenes. Waits at most `waitMs` where nothing
   * is known yet or what is known was outdated by `expire`.
   */
  read(waitMs?: number): Promise<Reading<T>>
  /** Tells that what is known is outdated. */
  expire(): void
}

interface FreshOptions {
  /** How old what is known may be before it is read again. */
  maxAgeMs: number
}

/** What takes long to read is read less often, so that a large database spends at most a tenth of its time on it. */
const REST_PER_WORK = 9
const WAIT_MS = 300

/** Reads one thing at most once at a time, and no more often than it is cheap. */
export function keepFresh<T>(load: () => Promise<T>, { maxAgeMs }: FreshOptions): Fresh<T> {
  let reading: Reading<T> = { status: 'pending' }
  let loading: Promise<void> | undefined
  let nextAt = 0
  let outdated = true

  async function reload(): Promise<void> {
    const startedAt = performance.now()
    // Not the end: what a statement of many seconds counts is how things were when it began.
    const readAt = new Date()
    outdated = false
    try {
      reading = { status: 'known', value: await load(), readAt }
    } catch (error) {
      const last =
        reading.status === 'known' ? reading : reading.status === 'failed' ? reading.last : undefined
      const { message, code } = safeError(error)
      reading = {
        status: 'failed',
        reason: message,
        readAt: new Date(),
        ...(code === undefined ? {} : { code }),
        ...(last === undefined ? {} : { last: { value: last.value, readAt: last.readAt } }),
      }
    }
    const tookMs = performance.now() - startedAt
    nextAt = performance.now() + Math.max(maxAgeMs, reading.status === 'known' ? tookMs * REST_PER_WORK : 0)
  }

  return {
    async read(waitMs = WAIT_MS) {
      const mustWait = outdated || reading.status === 'pending'
      if (loading === undefined && (mustWait || performance.now() >= nextAt)) {
        loading = reload().finally(() => {
          loading = undefined
        })
      }
      if (mustWait && loading !== undefined)
        await Promise.race([loading, delay(waitMs, undefined, { ref: false })])
      return reading
    },
    expire() {
      outdated = true
    },
  }
}

/** The value that is known, or was before reading failed. */
export function lastKnown<T>(reading: Reading<T>): T | undefined {
  if (reading.status === 'known') return reading.value
  return reading.status === 'failed' ? reading.last?.value : undefined
}
