import { COUNTED_MINUTES } from './bookkeeping.js'
import type { BullQueue, EventQueue } from './open.js'
import { isBacklog, parseUserCreated, type Source } from './user-created.js'

/** Finished jobs per minute, the oldest first; the last entry is the current minute. */
export interface MinuteCounts {
  completed: number[]
  failed: number[]
}

/** Finished jobs in each minute of the last two weeks, from BullMQ's metrics. */
export async function readMinuteCounts(queue: EventQueue): Promise<MinuteCounts> {
  const [completed, failed] = await Promise.all(
    (['completed', 'failed'] as const).map((kind) =>
      Promise.all(queue.partitions().map((bull) => minutesOf(bull, kind))),
    ),
  )
  return { completed: addedUp(completed), failed: addedUp(failed) }
}

/**
 * BullMQ adds a point when a job finishes in a later minute than the previous one. So its newest point is for the minute
 * before the last finished job, and the jobs since then are not in any point. On Postgres it has no time, so the time of the
 * last finished job is used.
 */
async function minutesOf(bull: BullQueue, kind: 'completed' | 'failed'): Promise<number[]> {
  const [{ meta, data }, [last]] = await Promise.all([
    bull.getMetrics(kind, 0, COUNTED_MINUTES - 1),
    bull.getJobs([kind], 0, 0),
  ])
  const minutes = new Array<number>(COUNTED_MINUTES).fill(0)
  const lastAt = meta.prevTS > 0 ? meta.prevTS : last?.finishedOn
  if (lastAt === undefined) return minutes
  const recorded = data.reduce((sum, points) => sum + points, 0)
  const sinceLastPoint =
    meta.prevTS > 0 ? meta.count - meta.prevCount : data.length < COUNTED_MINUTES ? meta.count - recorded : 0
  const age = Math.max(0, Math.floor(Date.now() / 60_000) - Math.floor(lastAt / 60_000))
  for (const [index, points] of [sinceLastPoint, ...data].entries()) {
    const position = minutes.length - 1 - age - index
    if (position >= 0) minutes[position] = points
  }
  return minutes
}

function addedUp([first = [], ...others]: readonly number[][] = []): number[] {
  return first.map((count, minute) => others.reduce((sum, counts) => sum + (counts[minute] ?? 0), count))
}

interface Timings {
  /** From the event to its enrollment, in milliseconds. */
  p50Ms: number
  p99Ms: number
  /** Number of enrolled users this was measured on. */
  users: number
}

export interface Recent {
  /** Of sign-ups and single enrollments; the jobs of backfill and reconciler wait for others on purpose. */
  live?: Timings
  bySource: Partial<Record<Source, number>>
  /** Number of completed jobs this was read from. */
  jobs: number
}

const RECENT_JOBS = 1000

/** What the last 1,000 completed jobs of each partition show: where they came from, and how long enrolling took. */
export async function readRecent(queue: EventQueue): Promise<Recent> {
  const kept = await Promise.all(
    queue.partitions().map((bull) => bull.getJobs(['completed'], 0, RECENT_JOBS - 1)),
  )
  const jobs = kept.flat()
  const bySource: Recent['bySource'] = {}
  const waits: number[] = []
  for (const { data, returnvalue, finishedOn } of jobs) {
    const parsed = parseUserCreated(data)
    if (!parsed.ok) continue
    const { source, occurredAt } = parsed.event
    bySource[source] = (bySource[source] ?? 0) + 1
    if (!isBacklog(source) && returnvalue?.outcome === 'enrolled' && finishedOn !== undefined) {
      waits.push(Math.max(0, finishedOn - Date.parse(occurredAt)))
    }
  }
  waits.sort((a, b) => a - b)
  const at = (share: number) => waits[Math.max(0, Math.ceil(share * waits.length) - 1)] ?? 0
  return {
    bySource,
    jobs: jobs.length,
    ...(waits.length === 0 ? {} : { live: { p50Ms: at(0.5), p99Ms: at(0.99), users: waits.length } }),
  }
}
