import type { Stage } from './stage.js'

/** The result of a step of the tour. */
export interface Seen {
  /** Whether it went as auto-enroll promises. */
  ok: boolean
  /** One line for a person. */
  text: string
  /** The figures behind the line, for a program. */
  facts: Readonly<Record<string, unknown>>
}

export interface Step {
  name: string
  /** What is about to happen, for a person who follows the tour. */
  about: string
  run(stage: Stage, signal: AbortSignal): Promise<Seen>
}

/** How long a step waits for the worker before it reports that nothing happened. */
export const PATIENCE_MS = 15_000

/** `1 user`, `2 users` */
export function many(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
