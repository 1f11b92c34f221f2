import { safeError } from '../../config/safe-error.js'
import { adminSteps } from './admin-steps.js'
import { finalCheck } from './final-check.js'
import { outageSteps } from './outage-steps.js'
import type { Stage } from './stage.js'
import type { Seen, Step } from './step.js'
import { visitorSteps } from './visitor-steps.js'

export const TOUR: readonly Step[] = [...adminSteps, ...visitorSteps, ...outageSteps, finalCheck]

export interface Told extends Seen {
  name: string
  tookMs: number
}

interface Audience {
  /** Before a step; resolves when it may begin. */
  before(step: Step): Promise<void>
  after(told: Told): void
}

/** Walks through every step, also when one does not go as promised. */
export async function walk(stage: Stage, audience: Audience, signal: AbortSignal): Promise<Told[]> {
  const tour: Told[] = []
  for (const step of TOUR) {
    await audience.before(step)
    signal.throwIfAborted()
    const startedAt = performance.now()
    const seen = await step.run(stage, signal).catch((error: unknown): Seen => {
      signal.throwIfAborted()
      return { ok: false, text: safeError(error).message, facts: {} }
    })
    const told = { name: step.name, ...seen, tookMs: Math.round(performance.now() - startedAt) }
    tour.push(told)
    audience.after(told)
  }
  return tour
}
