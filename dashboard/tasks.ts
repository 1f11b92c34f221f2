/** A long task that an operator started; only one runs at a time. */
export interface Task {
  kind: 'backfill' | 'retry-failed'
  by: string
  startedAt: Date
  done: number
  /** How many there were to do at the start. */
  total: number
  /** The result, once it has ended. */
  ended?: { at: Date; result: string; succeeded: boolean }
  stop(): void
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
  onEnd: (ended: { result: string; succeeded: boolean }) => Promise<void>
  describeError: (error: unknown) => string
}

export function createTasks(): Tasks {
  let task: Task | undefined
  let running: Promise<void> | undefined

  return {
    current: () => task,
    start({ kind, by, total, work, onEnd, describeError }) {
      if (running !== undefined)
        throw new Error(`${task?.kind} is still running; stop it, or wait for its end`)
      const stopping = new AbortController()
      const started: Task = { kind, by, total, startedAt: new Date(), done: 0, stop: () => stopping.abort() }
      task = started
      running = work((done) => {
        started.done = done
        started.total = Math.max(started.total, done)
      }, stopping.signal)
        .then(
          (result) => ({ result, succeeded: true }),
          (error: unknown) => ({
            result: stopping.signal.aborted ? `stopped after ${started.done}` : describeError(error),
            succeeded: false,
          }),
        )
        .then(async (ended) => {
          started.ended = { at: new Date(), ...ended }
          await onEnd(ended)
        })
        .finally(() => {
          running = undefined
        })
    },
    async close() {
      task?.stop()
      await running?.catch(() => undefined)
    },
  }
}
