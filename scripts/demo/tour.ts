import { safeError } from '../../config/safe-error.js'
import { adminSteps } from './admin-steps.js'
import { finalCheck } from './final-check.js'
import { outageSteps } from './outage-steps.js'
import type { Stage } from './stage.js'
import type { Seen, Step } from './step.js'
import { visitorSteps } from './visitor-steps.js'

export const TOUR: readonly Step[] = [...adminSteps, ...visitorSteps, ...outageSteps, finalCheck]

export interface StepResult extends Seen {
  name: string
  tookMs: number
}

interface Audience {
  /** Called before a step; resolves when the step may begin. */
  before(step: Step): Promise<void>
  after(result: StepResult): void
}

/** Runs every step, even if an earlier one goes wrong. */
export async function runTour(stage: Stage, audience: Audience, signal: AbortSignal): Promise<StepResult[]> {
  const results: StepResult[] = []
  for (const step of TOUR) {
    await audience.before(step)
    signal.throwIfAborted()
    const startedAt = performance.now()
    const seen = await step.run(stage, signal).catch((error: unknown): Seen => {
      signal.throwIfAborted()
      return { ok: false, text: safeError(error).message, facts: {} }
    })
    const result = { name: step.name, ...seen, tookMs: Math.round(performance.now() - startedAt) }
    results.push(result)
    audience.after(result)
  }
  return results
}
