/** A long task that an operator started; only one runs at a time. */
export interface Task {
  kind: 'backfill' | 'retry-failed'
  by: string
  startedAt: Date
  done: number
  /** How many there were to do at the start. */
  total: number
  /** The result, once it has ended. */
  ended?: { at: Date; result: string; succeeded: boolean; notAudited?: string }
  /** @param why for the result: who stopped it, or what ended with it */
  stop(why: string): void
}

export interface Tasks {
  /** The running task, or else the last one. */
  current(): Task | undefined
  /**
   * Starts a task and returns at once.
   *
   * @throws {Error} while another one runs
   */
  start(spec: TaskSpec): void
  /** Stops the running task and waits for its end. */
  close(): Promise<void>
}

interface TaskSpec extends Pick<Task, 'kind' | 'by' | 'total'> {
  /** Does the work and returns its result in words. */
  work: (progress: (done: number) => void, signal: AbortSignal) => Promise<string>
  onProgress: (words: string) => void
  /** Returns why the result could not be recorded, if it could not. */
  onEnd: (ended: { result: string; succeeded: boolean }) => Promise<string | undefined>
  describeError: (error: unknown) => string
}

export function createTasks(): Tasks {
  let task: Task | undefined
  let running: Promise<void> | undefined

  return {
    current: () => task,
    start({ kind, by, total, work, onProgress, onEnd, describeError }) {
      if (running !== undefined)
        throw new Error(`${task?.kind} is still running; stop it, or wait for its end`)
      const stopping = new AbortController()
      const stop = (why: string) => stopping.abort(new Error(why))
      const started: Task = { kind, by, total, startedAt: new Date(), done: 0, stop }
      const soFar = () => `${started.done} of ${started.total}`
      task = started
      running = work((done) => {
        started.done = done
        started.total = Math.max(started.total, done)
        onProgress(soFar())
      }, stopping.signal)
        .then(
          (result) => ({ result, succeeded: true }),
          (error: unknown) => ({
            result: `${describeError(stopping.signal.aborted ? stopping.signal.reason : error)}; ${soFar()} done`,
            succeeded: false,
          }),
        )
        .then(async (ended) => {
          started.ended = { at: new Date(), ...ended }
          const notAudited = await onEnd(ended)
          if (notAudited !== undefined) started.ended = { ...started.ended, notAudited }
        })
        .finally(() => {
          running = undefined
        })
    },
    async close() {
      task?.stop('interrupted: the dashboard was shut down')
      await running?.catch(() => undefined)
    },
  }
}
