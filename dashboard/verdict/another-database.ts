import { durationInWords } from '../words.js'
import type { Facts } from './facts.js'
import type { Finding } from './finding.js'

/** Workers of another database consume this queue. */
export function anotherDatabase({ state }: Facts): Finding | undefined {
  const owner = state.foreignOwner.status === 'known' ? state.foreignOwner.value : undefined
  if (owner === undefined) return undefined
  return {
    symptom: 'another-database',
    tone: 'bad',
    headline: `The queue serves another database: ${owner.name}`,
    details: [
      `Its workers consumed it ${durationInWords(owner.silentMs)} ago, and workers of this database take no jobs from it.`,
      'Give each database a queue of its own (QUEUE_URL or QUEUE_PREFIX). If this is the same database in a new place, run npm run migrate -- --adopt-queue.',
    ],
    actions: [],
    covers: ['no-worker'],
  }
}
