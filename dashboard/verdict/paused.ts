import { isPaused } from '../next-try.js'
import { pausedBy } from '../state.js'
import { timeInWords } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'
import { coverageDetail, retryingInWords, waitingInWords } from './phrases.js'

export function paused(facts: Facts): Finding | undefined {
  const { depth, now, circumstances } = facts
  if (depth === undefined || depth.limits.paused === 0) return undefined
  return {
    symptom: 'paused',
    tone: 'warning',
    headline: headlineOf(facts),
    details: [
      depth.unfinished === 0
        ? 'Nobody is waiting yet. New sign-ups collect in the queue.'
        : `${waitingInWords(depth, now)}. New sign-ups collect in the queue.`,
      ...retryingInWords(depth, circumstances),
      ...coverageDetail(facts),
    ],
    actions: ['resume'],
    covers: ['users-are-waiting', 'counting'],
  }
}

function headlineOf({ state, depth, now }: Facts): string {
  if (depth !== undefined && !isPaused(depth.limits))
    return `${depth.limits.paused} of ${depth.limits.partitions} partitions of the queue are paused`
  const by = pausedBy(state)
  return by === undefined
    ? 'Paused; by whom and since when was not recorded'
    : `Paused by ${by.who} since ${timeInWords(by.at, now)}`
}
