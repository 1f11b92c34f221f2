import type { Depth } from '../../queue/depth.js'
import { limitInWords } from '../next-try.js'
import { count, durationInWords } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding, Tone } from './finding.js'
import { capitalized, coverageDetail } from './phrases.js'

/** A limit under which what waits takes longer than this keeps people from their courses. */
const SLOW_MS = 60_000

export function limited(facts: Facts): Finding | undefined {
  const { depth } = facts
  const limit = depth && limitInWords(depth.limits)
  if (depth === undefined || limit === undefined) return undefined
  const waiting = depth.waiting + depth.prioritized
  const waits = waiting === 0 ? '' : `; ${count(waiting, 'job')} ${waiting === 1 ? 'waits' : 'wait'}`
  return {
    symptom: 'limited',
    tone: toneOf(depth),
    headline: `${capitalized(limit)}${waits}`,
    details: [
      ...estimate(depth),
      'auto-enroll sets no such limit: it was set on the page of the jobs, or by code that uses the queue. It holds for every worker until it is removed.',
      ...(waiting === 0 ? [] : coverageDetail(facts)),
    ],
    actions: ['remove-limits'],
    covers: waiting === 0 ? [] : ['users-are-waiting', 'counting'],
  }
}

function toneOf(depth: Depth): Tone {
  if (depth.waiting + depth.prioritized === 0) return 'neutral'
  return (remainingMs(depth) ?? 0) > SLOW_MS ? 'bad' : 'warning'
}

/** How long what waits takes at the limited rate. */
function remainingMs({ limits: { rate }, waiting, prioritized }: Depth): number | undefined {
  if (rate === undefined) return undefined
  return ((waiting + prioritized) / (rate.jobs * rate.partitions)) * rate.perMs
}

function estimate(depth: Depth): string[] {
  const ms = remainingMs(depth)
  return ms === undefined || ms === 0
    ? []
    : [
        `At this rate the jobs that wait take ${durationInWords(ms)}, and every new sign-up waits behind them.`,
      ]
}
