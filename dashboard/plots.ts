import type { MinuteCounts } from '../queue/flow.js'
import { lastKnown, type Reading } from './fresh.js'
import type { Samples } from './samples.js'

/** What the plots show: for each the times in seconds since 1970, then one series after the other. */
export interface Plots {
  hour: number[][]
  weeks: number[][]
  depth: (number | null)[][]
  latency: (number | null)[][]
}

export function plotsOf(reading: Reading<MinuteCounts>, samples: Samples, now: Date): Plots {
  const counts = lastKnown(reading) ?? { completed: [], failed: [] }
  const minute = Math.floor(now.getTime() / 60_000)
  return {
    hour: [times(60, 60, minute), counts.completed.slice(-60), counts.failed.slice(-60)],
    weeks: [times(14 * 24, 3600, minute), byHour(counts.completed), byHour(counts.failed)],
    depth: [samples.at, samples.waiting, samples.retrying, samples.active],
    latency: [samples.at, samples.oldestWaitingSeconds, samples.p50Seconds, samples.p99Seconds],
  }
}

/** The last entry is the present minute or hour. */
function times(length: number, stepSeconds: number, minute: number): number[] {
  return Array.from({ length }, (_, index) => minute * 60 - (length - 1 - index) * stepSeconds)
}

function byHour(minutes: readonly number[]): number[] {
  const hours: number[] = []
  for (let start = 0; start < minutes.length; start += 60) {
    hours.push(minutes.slice(start, start + 60).reduce((sum, finished) => sum + finished, 0))
  }
  return hours
}
