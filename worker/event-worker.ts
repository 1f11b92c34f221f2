import { type Job, Worker } from 'bullmq'
import type { UserCreated, UserCreatedResult } from '../queue/user-created.js'

/** BullMQ's worker, made to bear what others may put into the queue, and to hold whatever the queue says. */
export class EventWorker extends Worker<UserCreated, UserCreatedResult> {
  #held: Promise<void> | undefined
  #release: () => void = () => undefined

  /** Takes no jobs until it is released; the active ones go on. */
  async hold(isHeld: boolean): Promise<void> {
    if (isHeld === (this.#held !== undefined)) return
    if (!isHeld) {
      this.#letGo()
      return this.resume()
    }
    this.#held = new Promise((resolve) => {
      this.#release = resolve
    })
    // Paused before it runs, BullMQ's worker would leave a connection behind when it is closed.
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

  /** A paused worker of BullMQ that waits for its next job would still take it. */
  protected override async moveToActive(
    ...asked: Parameters<Worker['moveToActive']>
  ): Promise<Job<UserCreated, UserCreatedResult>> {
    await this.#held
    // BullMQ's type has forgotten that there may be no job.
    if (this.closing) return undefined as never
    return super.moveToActive(...asked)
  }

  /** BullMQ cannot take a job whose data is no JSON: it would run into it again and again. Here it fails as any wrong event. */
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
