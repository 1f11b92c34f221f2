import { type Job, Worker } from 'bullmq'
import type { UserCreated, UserCreatedResult } from '../queue/user-created.js'

/** BullMQ's worker, which also survives jobs that are not JSON and can be held while the queue is not paused. */
export class EventWorker extends Worker<UserCreated, UserCreatedResult> {
  #held: Promise<void> | undefined
  #release: () => void = () => undefined

  /** Takes no more jobs until it is released. Active jobs go on. */
  async hold(isHeld: boolean): Promise<void> {
    if (isHeld === (this.#held !== undefined)) return
    if (!isHeld) {
      this.#letGo()
      return this.resume()
    }
    this.#held = new Promise((resolve) => {
      this.#release = resolve
    })
    // A worker of BullMQ that is paused before it runs leaves a connection open when it is closed.
    void this.waitUntilReady().then(() => this.#held && this.pause(true))
  }

  /** Raises the concurrency, and takes more jobs at once: a worker that is full would wait until one is finished. */
  fetchUpTo(concurrency: number): void {
    this.concurrency = concurrency
    // biome-ignore lint/complexity/useLiteralKeys: it is private, and no other way wakes the loop without side effects.
    this['mainLoopQueue']?.add(Promise.resolve(undefined))
  }

  override async close(force?: boolean): Promise<void> {
    const closed = super.close(force)
    this.#letGo()
    return closed
  }

  /** A worker of BullMQ that is paused while it waits for a job would still take it. */
  protected override async moveToActive(
    ...asked: Parameters<Worker['moveToActive']>
  ): Promise<Job<UserCreated, UserCreatedResult>> {
    await this.#held
    // BullMQ's type lacks that there may be no job.
    if (this.closing) return undefined as never
    return super.moveToActive(...asked)
  }

  /** BullMQ would trip over a job whose data is not JSON again and again. Here it fails like any invalid event. */
  protected override createJob(...[json, jobId]: Parameters<Worker['createJob']>) {
    try {
      return super.createJob(json, jobId)
    } catch {
      return super.createJob({ ...json, data: 'null' }, jobId)
    }
  }

  #letGo(): void {
    this.#release()
    this.#held = undefined
  }
}
