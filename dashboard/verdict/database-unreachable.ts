import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { databaseInWords, lastCounted, waitingInWords } from './phrases.js'

export function databaseUnreachable({ state, depth, context }: Facts): Verdict | undefined {
  if (state.coverage.status !== 'failed') return undefined
  return {
    symptom: 'database-unreachable',
    tone: 'bad',
    headline: `Who is enrolled cannot be told: ${databaseInWords(state.coverage)}`,
    details: [
      ...(depth === undefined || depth.unfinished === 0 ? [] : [`${waitingInWords(depth, context.now)}.`]),
      ...lastCounted(state, context.now),
      'Jobs are kept and tried again; nobody is lost.',
    ],
    actions: [],
  }
}
