import type { MinuteCounts } from '../queue/flow.js'
import type { Reading } from './fresh.js'
import type { Samples } from './samples.js'

type Series = (number | null)[]

/** What the plots show: for each the times in seconds since 1970, then one series after the other; `null` is not known. */
export interface Plots {
  hour: Series[]
  weeks: Series[]
  depth: Series[]
  latency: Series[]
}

const HOUR = 60
const TWO_WEEKS = 14 * 24 * HOUR

export function plotsOf(reading: Reading<MinuteCounts>, samples: Samples, now: Date): Plots {
  const minute = minuteOf(now)
  const [completed, failed] = (['completed', 'failed'] as const).map((kind) =>
    minutesUntil(minute, reading, kind),
  ) as [Series, Series]
  return {
    hour: [times(HOUR, 60, minute), completed.slice(-HOUR), failed.slice(-HOUR)],
    weeks: [times(TWO_WEEKS / HOUR, 3600, minute), byHour(completed), byHour(failed)],
    depth: [samples.at, samples.waiting, samples.retrying, samples.active],
    latency: [samples.at, samples.oldestWaitingSeconds, samples.p50Seconds, samples.p99Seconds],
  }
}

/** The counts of two weeks' minutes up to this one. Nobody knows what finished since they were read. */
function minutesUntil(minute: number, reading: Reading<MinuteCounts>, kind: keyof MinuteCounts): Series {
  const read = reading.status === 'known' ? reading : reading.status === 'failed' ? reading.last : undefined
  if (read === undefined) return new Array(TWO_WEEKS).fill(null)
  const unread = Math.max(0, minute - minuteOf(read.readAt))
  return [...read.value[kind].slice(unread), ...new Array(unread).fill(null)].slice(-TWO_WEEKS)
}

function minuteOf(moment: Date): number {
  return Math.floor(moment.getTime() / 60_000)
}

/** The last entry is the present minute or hour. */
function times(length: number, stepSeconds: number, minute: number): number[] {
  return Array.from({ length }, (_, index) => minute * 60 - (length - 1 - index) * stepSeconds)
}

/** A part of an hour is no figure for the hour. */
function byHour(minutes: Series): Series {
  return Array.from({ length: minutes.length / HOUR }, (_, hour) =>
    minutes
      .slice(hour * HOUR, (hour + 1) * HOUR)
      .reduce((sum, finished) => (sum === null || finished === null ? null : sum + finished), 0),
  )
}
