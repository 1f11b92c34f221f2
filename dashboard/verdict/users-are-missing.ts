import { causeInWords } from '../../queue/causes.js'
import { lastKnown } from '../fresh.js'
import { count, durationInWords } from '../words.js'
import type { Facts } from './facts.js'
import type { Verdict } from './finding.js'
import { are, coverageDetail } from './phrases.js'

export function missing({ state, coverage, context }: Facts): Verdict | undefined {
  if (coverage === undefined || coverage.withoutEnrollment === 0) return undefined
  const failures = lastKnown(state.failures)
  const [worst] = failures?.groups ?? []
  const failedUsers = failures?.usersWithout ?? 0
  return {
    symptom: 'users-are-missing',
    tone: 'bad',
    headline: `${count(coverage.withoutEnrollment, 'user')} ${are(coverage.withoutEnrollment)} not enrolled${
      failedUsers > 0 && worst !== undefined ? `: ${causeInWords(worst.cause)}` : ''
    }`,
    details: [
      ...(failedUsers > 0 ? [`The jobs of ${failedUsers} of them failed for good.`] : []),
      context.reconcileIntervalMs > 0
        ? `The reconciler queues them within ${durationInWords(context.reconcileIntervalMs)}; a backfill does it now.`
        : 'The reconciler is off (RECONCILE_INTERVAL_MS is 0): a backfill queues them.',
      ...coverageDetail(coverage),
    ],
    actions: failedUsers > 0 ? ['failures', 'backfill'] : ['backfill'],
  }
}
