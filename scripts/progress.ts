import { SingleBar } from 'cli-progress'

export interface Progress {
  update(done: number): void
  stop(): void
}

/** A progress bar on stderr with speed and time left, where stderr is a terminal; elsewhere nothing. */
export function showProgress(what: string, total: number, unit: string): Progress {
  if (!process.stderr.isTTY || total === 0) return { update: () => undefined, stop: () => undefined }
  const bar = new SingleBar({
    format: `${what} [{bar}] {percentage}% | {value}/{total} ${unit} | {speed} ${unit}/s | {eta_formatted} left`,
    stream: process.stderr,
    hideCursor: true,
    etaBuffer: 50,
  })
  const startedAt = Date.now()
  bar.start(total, 0, { speed: 0 })
  return {
    update(done) {
      bar.setTotal(Math.max(total, done))
      bar.update(done, { speed: Math.round(done / Math.max(0.001, (Date.now() - startedAt) / 1000)) })
    },
    stop: () => bar.stop(),
  }
}
