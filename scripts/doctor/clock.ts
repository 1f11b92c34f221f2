import { type Check, ok, warning } from './check.js'

/** How far a clock is ahead of this machine's; `uncertaintyMs` is half of the time that asking took. */
export interface ClockReading {
  of: string
  aheadMs: number
  uncertaintyMs: number
}

/** With clocks further apart, times of events and enrollments and delays of retries are wrong. */
const TOLERATED_MS = 5000

/** Reads a server's clock and compares it with this machine's at the middle of the question. */
export async function readClock(of: string, ask: () => Promise<number>): Promise<ClockReading> {
  const askedAt = Date.now()
  const started = performance.now()
  const theirs = await ask()
  const uncertaintyMs = (performance.now() - started) / 2
  return { of, aheadMs: theirs - (askedAt + uncertaintyMs), uncertaintyMs }
}

/** Judges the clocks of all machines, this one included; returns nothing if no other could be read. */
export function judgeClocks(readings: readonly ClockReading[]): Check[] {
  if (readings.length === 0) return []
  const all: ClockReading[] = [{ of: 'this machine', aheadMs: 0, uncertaintyMs: 0 }, ...readings]
  const sorted = all.toSorted((a, b) => a.aheadMs - b.aheadMs)
  const [slowest, fastest] = [sorted[0] ?? all[0], sorted.at(-1) ?? all[0]]
  const apartMs = (fastest?.aheadMs ?? 0) - (slowest?.aheadMs ?? 0)
  const sureMs = apartMs - (fastest?.uncertaintyMs ?? 0) - (slowest?.uncertaintyMs ?? 0)
  if (sureMs <= TOLERATED_MS) {
    return [ok('clock', `${all.map(({ of }) => of).join(' and ')} agree`)]
  }
  return [
    warning(
      'clock',
      `${fastest?.of} is ${(apartMs / 1000).toFixed(1)} s ahead of ${slowest?.of}`,
      'let NTP set the clocks: times of enrollments and waiting times are wrong',
    ),
  ]
}
