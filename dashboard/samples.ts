import type { StateReader } from './state.js'

type Figure = 'waiting' | 'retrying' | 'active' | 'oldestWaitingSeconds' | 'p50Seconds' | 'p99Seconds'

/** Figures that nobody else keeps, one entry a sample, the oldest first; `null` where it was not known. */
export type Samples = Record<Figure, (number | null)[]> & {
  /** Seconds since 1970. */
  at: number[]
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
    const entry = await figuresNow(reader)
    samples.at.push(Math.round(Date.now() / 1000))
    for (const [name, value] of Object.entries(entry)) samples[name as Figure].push(value)
    if (samples.at.length > ONE_HOUR) for (const series of Object.values(samples)) series.shift()
  }

  const timer = setInterval(() => void sample(), EVERY_MS)
  timer.unref()
  void sample()
  return { samples, stop: () => clearInterval(timer) }
}

async function figuresNow(reader: StateReader): Promise<Record<Figure, number | null>> {
  const { depth, recent } = await reader.read()
  const { value, readAt } = depth.status === 'known' ? depth : {}
  const live = recent.status === 'known' ? recent.value.live : undefined
  const oldest = value?.oldestWaitingAt
  return {
    waiting: value === undefined ? null : value.waiting + value.prioritized,
    retrying: value?.delayed ?? null,
    active: value?.active ?? null,
    oldestWaitingSeconds:
      readAt === undefined ? null : oldest === undefined ? 0 : secondsBetween(oldest, readAt),
    p50Seconds: live === undefined ? null : live.p50Ms / 1000,
    p99Seconds: live === undefined ? null : live.p99Ms / 1000,
  }
}

function secondsBetween(then: Date, later: Date): number {
  return Math.max(0, (later.getTime() - then.getTime()) / 1000)
}
