import { pausedBy } from '../state.js'
import { timeInWords } from '../words.js'
import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { coverageDetail, waitingInWords } from './phrases.js'

export function paused({ state, depth, context, coverage }: Facts): Verdict | undefined {
  if (depth?.paused !== true) return undefined
  const by = pausedBy(state)
  return {
    symptom: 'paused',
    tone: 'warning',
    headline:
      by === undefined
        ? 'Paused; by whom and since when was not written down'
        : `Paused by ${by.who} since ${timeInWords(by.at, context.now)}`,
    details: [
      depth.unfinished === 0
        ? 'Nobody is waiting yet. New sign-ups collect in the queue.'
        : `${waitingInWords(depth, context.now)}. New sign-ups collect in the queue.`,
      ...coverageDetail(coverage),
    ],
    actions: ['resume'],
  }
}
