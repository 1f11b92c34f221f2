import { lastKnown } from './fresh.js'
import type { StateReader } from './state.js'

/** Figures that nobody else remembers, one entry a sample, the oldest first; `null` where it was not known. */
export interface Samples {
  /** Seconds since 1970. */
  at: number[]
  waiting: (number | null)[]
  retrying: (number | null)[]
  active: (number | null)[]
  oldestWaitingSeconds: (number | null)[]
  p50Seconds: (number | null)[]
  p99Seconds: (number | null)[]
}

const EVERY_MS = 10_000
const ONE_HOUR = 360

/** Keeps an hour of samples while this process runs. */
export function keepSamples(reader: StateReader): { samples: Samples; stop(): void } {
  const samples: Samples = {
    at: [],
    waiting: [],
    retrying: [],
    active: [],
    oldestWaitingSeconds: [],
    p50Seconds: [],
    p99Seconds: [],
  }

  async function sample(): Promise<void> {
    const { depth, recent } = await reader.read()
    const now = Date.now()
    const known = depth.status === 'known' ? depth.value : undefined
    const live = lastKnown(recent)?.live
    const oldest = known?.oldestWaitingAt
    const entry: { [Name in keyof Samples]: Samples[Name][number] } = {
      at: Math.round(now / 1000),
      waiting: known === undefined ? null : known.waiting + known.prioritized,
      retrying: known?.delayed ?? null,
      active: known?.active ?? null,
      oldestWaitingSeconds:
        known === undefined ? null : oldest === undefined ? 0 : (now - oldest.getTime()) / 1000,
      p50Seconds: live === undefined ? null : live.p50Ms / 1000,
      p99Seconds: live === undefined ? null : live.p99Ms / 1000,
    }
    for (const name of Object.keys(samples) as (keyof Samples)[]) {
      const series: (number | null)[] = samples[name]
      series.push(entry[name])
      if (series.length > ONE_HOUR) series.shift()
    }
  }

  const timer = setInterval(() => void sample(), EVERY_MS)
  timer.unref()
  void sample()
  return { samples, stop: () => clearInterval(timer) }
}
