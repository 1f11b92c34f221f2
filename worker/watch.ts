import { type DatabaseIdentity, readDatabaseIdentity } from '../db/identity.js'
import { LOOK_FOR_PAUSE_EVERY_MS, readPause } from '../db/pause.js'
import type { Database } from '../db/schema.js'
import { createQueueClock } from '../queue/clock.js'
import { claimQueue, foreignQueueMessage, refuseForeignQueue } from '../queue/identity.js'
import type { EventQueue } from '../queue/open.js'
import { correctPutOff } from '../queue/put-off.js'
import type { Consumer } from './consume.js'
import type { Observer } from './observe.js'
import { LOCK_MS } from './queue-worker.js'
import { repeat } from './repeat.js'

const CLAIM_EVERY_MS = 5000
const COMPARE_CLOCKS_EVERY_MS = 5000

interface WatchOptions {
  db: Database
  queue: EventQueue
  observer: Observer
}

/** What keeps a worker from taking jobs: an operator's pause, or a queue that serves another database. */
type Hold = 'paused' | 'foreign'

/** What a worker checks besides its jobs: once before it takes any, then again and again. */
export interface Watch {
  /** @throws {Refusal} when the queue serves another database */
  claim(): Promise<void>
  lookForPause(): Promise<void>
  compareClocks(): Promise<void>
  isHeld(): boolean
  /** Repeats all checks from now on, and holds the consumer while it must not take jobs. */
  start(consumer: Consumer): void
  stop(): void
}

export function createWatch({ db, queue, observer }: WatchOptions): Watch {
  const prefix = queue.link.options.prefix
  const clock = createQueueClock(queue)
  const holds = new Set<Hold>()
  let identity: DatabaseIdentity | undefined
  let consumer: Consumer | undefined
  let stopRepeating: () => void = () => undefined

  async function hold(reason: Hold, isHeld: boolean): Promise<boolean> {
    if (holds.has(reason) === isHeld) return false
    if (isHeld) holds.add(reason)
    else holds.delete(reason)
    await consumer?.hold(holds.size > 0)
    return true
  }

  async function claim(): Promise<void> {
    identity ??= await readDatabaseIdentity(db)
    const other = await claimQueue(queue, identity)
    if (other !== undefined && consumer === undefined) await refuseForeignQueue(queue, identity)
    const changed = await hold('foreign', other !== undefined)
    if (changed) observer.queueChangedHands(other && foreignQueueMessage(queue, identity, other))
  }

  /** A queue that loses its data forgets its pause. The worker holds first, then pauses the queue again. */
  async function lookForPause(): Promise<void> {
    const pause = await readPause(db, prefix)
    await hold('paused', pause !== undefined)
    if (pause === undefined || holds.has('foreign') || (await queue.isPaused())) return
    await queue.pause()
    const isResumed = (await readPause(db, prefix)) === undefined
    if (isResumed) await queue.resume()
    else observer.pausedAgain(pause)
  }

  async function compareClocks(): Promise<void> {
    observer.clockCompared(await clock.compare())
    if (!holds.has('foreign')) observer.putOffCorrected(await correctPutOff(queue, LOCK_MS))
  }

  return {
    claim,
    lookForPause,
    compareClocks,
    isHeld: () => holds.size > 0,
    start(started) {
      consumer = started
      void consumer.hold(holds.size > 0)
      stopRepeating = repeat(
        [
          { everyMs: LOOK_FOR_PAUSE_EVERY_MS, work: lookForPause },
          { everyMs: CLAIM_EVERY_MS, work: claim },
          { everyMs: COMPARE_CLOCKS_EVERY_MS, work: compareClocks },
        ],
        observer.watchFailed,
      )
    },
    stop() {
      stopRepeating()
      clock.stop()
    },
  }
}
