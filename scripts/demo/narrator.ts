import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { styleText } from 'node:util'
import type { Step } from './step.js'
import type { StepResult } from './tour.js'

/** How long the tour waits for Enter before it continues by itself. */
const PAUSE_MS = 8000

/** Prints the tour line by line. */
export interface Narrator {
  say(line: string): void
  /** Says how to follow the tour. */
  begin(): void
  /** Announces a step and, in a terminal, waits for Enter or for a while. */
  before(step: Step): Promise<void>
  after(result: StepResult): void
}

/** @param isForPrograms prints on stderr, because stdout is for the JSON document */
export function createNarrator(isForPrograms: boolean, isGuided: boolean, signal: AbortSignal): Narrator {
  const stream = isForPrograms ? process.stderr : process.stdout
  const isColored = stream.isTTY && !process.env.NO_COLOR
  const color = (format: 'green' | 'red' | 'dim', text: string) =>
    isColored ? styleText(format, text) : text
  const say = (line: string): void => {
    stream.write(`${line}\n`)
  }
  const isFollowed = isGuided && process.stdin.isTTY && stream.isTTY
  return {
    say,
    begin() {
      if (!isFollowed) return say('')
      say(`\nThe tour begins. Press Enter for the next step, or wait ${PAUSE_MS / 1000} s.`)
    },
    async before({ about }) {
      if (!isGuided) return
      say('')
      say(`${about}${isFollowed ? color('dim', ' [Enter]') : ''}`)
      if (isFollowed) await enterOr(PAUSE_MS, signal)
    },
    after({ ok, name, text }) {
      say(`${ok ? color('green', '✓') : color('red', '✗')} ${name.padEnd(14)} ${text}`)
    },
  }
}

async function enterOr(ms: number, signal: AbortSignal): Promise<void> {
  const waiting = new AbortController()
  const either = AbortSignal.any([signal, waiting.signal])
  process.stdin.resume()
  await Promise.race([
    once(process.stdin, 'data', { signal: either }),
    delay(ms, undefined, { signal: either }),
  ]).catch(() => undefined)
  waiting.abort()
  process.stdin.pause()
}
