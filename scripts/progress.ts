import { SingleBar } from 'cli-progress'
import { durationInWords } from '../dashboard/words.js'

export interface Progress {
  update(done: number): void
  /** Says what is being waited for, until the next update. */
  wait(reason: string): void
  stop(): void
}

const SILENT: Progress = { update: () => undefined, wait: () => undefined, stop: () => undefined }

/** A progress bar on stderr with speed and time left, if stderr is a terminal; otherwise nothing. */
export function showProgress(what: string, total: number, unit: string): Progress {
  if (!process.stderr.isTTY || total === 0) return SILENT
  const bar = new SingleBar({
    format: `${what} [{bar}] {percentage}% | {value}/{total} ${unit} | {state}`,
    stream: process.stderr,
    hideCursor: true,
  })
  const startedAt = Date.now()
  let value = 0
  bar.start(total, 0, { state: 'nothing yet' })
  return {
    update(done) {
      value = done
      const goal = Math.max(total, done)
      bar.setTotal(goal)
      bar.update(done, { state: pace(done, goal, Date.now() - startedAt, unit) })
    },
    wait: (reason) => bar.update(value, { state: reason }),
    stop: () => bar.stop(),
  }
}

/** Of all the time so far, waiting included: what is left takes about as long. */
function pace(done: number, total: number, elapsedMs: number, unit: string): string {
  if (done === 0) return 'nothing yet'
  const perMs = done / Math.max(1, elapsedMs)
  return `${Math.round(perMs * 1000)} ${unit}/s | ${durationInWords((total - done) / perMs)} left`
}
