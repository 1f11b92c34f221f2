import { setTimeout as delay } from 'node:timers/promises'
import { safeError } from '../config/safe-error.js'

/** Something that was read: its value, why it is not known, or that it is being read for the first time. */
export type Reading<T> =
  | { status: 'known'; value: T; readAt: Date }
  | { status: 'failed'; code?: string; reason: string; readAt: Date; last?: { value: T; readAt: Date } }
  | { status: 'pending' }

export interface Fresh<T> {
  /**
   * Returns what is known, and reads it again behind the scenes when it is too old. Waits at most `waitMs` for a value that
   * is not there yet, is too old, or was expired.
   */
  read(waitMs?: number): Promise<Reading<T>>
  /** Marks what is known as out of date. */
  expire(): void
}

interface FreshOptions {
  /** How old a value may be before it is read again. */
  maxAgeMs: number
  /** For how long a value counts as known while nothing is heard of the next one; longer when reading usually takes longer. */
  silenceMs?: number
}

/** What takes long to read is read less often, so that a large database spends at most a tenth of its time on it. */
const REST_PER_WORK = 9
const WAIT_MS = 300
const SILENCE_MS = 5000
/** Reading may take this many times as long as usual before it counts as unanswered. */
const PATIENCE = 5

/** Reads one thing at most once at a time, and no more often than it is cheap. */
export function keepFresh<T>(
  load: () => Promise<T>,
  { maxAgeMs, silenceMs = SILENCE_MS }: FreshOptions,
): Fresh<T> {
  let reading: Reading<T> = { status: 'pending' }
  let loading: { done: Promise<void>; startedAt: number } | undefined
  let lastTookMs = 0
  let usualMs = 0
  let nextAt = 0
  let outdated = true

  function start(): { done: Promise<void>; startedAt: number } {
    const startedAt = performance.now()
    // Not the end: what a statement of many seconds counts is how things were when it began.
    const readAt = new Date()
    outdated = false
    const done = load()
      .then(
        (value) => {
          reading = { status: 'known', value, readAt }
          const tookMs = performance.now() - startedAt
          // A single slow reading, such as one that first had to connect, is not usual.
          usualMs = Math.min(tookMs, lastTookMs)
          lastTookMs = tookMs
        },
        (error: unknown) => {
          const { message, code } = safeError(error)
          reading = failed(reading, message, code)
        },
      )
      .then(() => {
        const restMs = reading.status === 'known' ? usualMs * REST_PER_WORK : 0
        nextAt = performance.now() + Math.max(maxAgeMs, restMs)
        loading = undefined
      })
    return { done, startedAt }
  }

  /** What is known, unless the next reading has been unanswered for so long that it may no longer be true. */
  function present(): Reading<T> {
    if (reading.status !== 'known' || loading === undefined) return reading
    const silentMs = performance.now() - loading.startedAt
    if (silentMs < Math.max(silenceMs, usualMs * PATIENCE)) return reading
    return failed(reading, `no answer for ${Math.floor(silentMs / 1000)} s`, 'ETIMEDOUT')
  }

  return {
    async read(waitMs = WAIT_MS) {
      const mustWait = outdated || reading.status === 'pending'
      if (mustWait || performance.now() >= nextAt) loading ??= start()
      // What has taken longer already is slow: the last value, with its age, is better than to wait again and again.
      const isQuick = loading !== undefined && performance.now() - loading.startedAt < waitMs
      if (loading !== undefined && (mustWait || isQuick))
        await Promise.race([loading.done, delay(waitMs, undefined, { ref: false })])
      return present()
    },
    expire() {
      outdated = true
    },
  }
}

function failed<T>(before: Reading<T>, reason: string, code: string | undefined): Reading<T> {
  const last = before.status === 'known' ? before : before.status === 'failed' ? before.last : undefined
  return {
    status: 'failed',
    reason,
    readAt: new Date(),
    ...(code === undefined ? {} : { code }),
    ...(last === undefined ? {} : { last: { value: last.value, readAt: last.readAt } }),
  }
}

/** The value that is known, or was before reading failed. */
export function lastKnown<T>(reading: Reading<T>): T | undefined {
  if (reading.status === 'known') return reading.value
  return reading.status === 'failed' ? reading.last?.value : undefined
}
