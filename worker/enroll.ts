import DataLoader from 'dataloader'
import pLimit from 'p-limit'
import type { UserCreatedResult } from '../queue/user-created.js'
import { type Asked, createChunks, type Pending, pending } from './chunk.js'
import { transient } from './errors.js'
import { createHeld, type HeldOptions } from './held.js'
import { createStatements, type StatementsOptions } from './statements.js'

/** Users in one statement. */
const MAX_USERS = 500
/** Statements of a lane that run at the same time: Postgres works on one while the jobs of the other finish. */
const AT_ONCE = 2

export interface EnrollerOptions extends StatementsOptions {
  /** Ends every wait. */
  signal?: AbortSignal
  /** Called while users are held up by others' locks, or by a fault of their own that may pass. */
  onHeldUp?: HeldOptions['onRound']
}

/** Live users never wait for a statement of the backlog's. */
type Lane = 'live' | 'backlog'

/**
 * Enrolls one user; calls at the same moment in the same lane (by default `live`) share one statement. `onHeld` is called
 * when that has to wait for somebody's lock, or for a fault that concerns few and may pass.
 *
 * @throws {PermanentError | TransientError} of which InterruptedError and PutOffError ask for the job to be moved
 */
export type Enroll = (
  userId: string,
  lane?: Lane,
  onHeld?: (reason: string) => void,
) => Promise<UserCreatedResult>

/**
 * Makes the function that enrolls. It adds no wait of its own: the first call runs at the end of the present turn of the
 * event loop, and what is called while two statements run forms the next one. When a statement fails, the next ones go on
 * while its users and courses are tried in smaller parts, so that only those at fault wait or fail.
 */
export function createEnroller({ signal, onHeldUp, ...options }: EnrollerOptions): Enroll {
  const statements = createStatements(options)
  const held = createHeld({
    statements,
    ...(signal === undefined ? {} : { signal }),
    ...(onHeldUp === undefined ? {} : { onRound: onHeldUp }),
  })
  const chunks = createChunks({ statements, held, watchesOutages: options.outage !== undefined })

  async function enrollBatch(asked: readonly Asked[]): Promise<Pending[]> {
    const results = new Map<string, Pending>()
    const users = new Set(new Map(asked.map((user) => [user.userId, user])).values())
    const others: Asked[] = []
    for (const user of users) {
      const reason = held.reason(user.userId)
      if (reason === undefined) others.push(user)
      else results.set(user.userId, chunks.holdAgain(user, reason))
    }
    try {
      if (others.length > 1) await statements.countCourses()
      for (let start = 0, end = 0; start < others.length; start = end) {
        end = start + statements.usersAtOnce()
        const chunk = others.slice(start, end)
        const enrolled = await chunks.enroll(chunk)
        for (const [index, user] of chunk.entries()) results.set(user.userId, enrolled[index] as Pending)
      }
    } catch (error) {
      const failed = pending(Promise.reject(transient(error)))
      for (const { userId } of others) if (!results.has(userId)) results.set(userId, failed)
    }
    return asked.map((user) => {
      const result = results.get(user.userId) as Pending
      return users.has(user) ? result : pending(result.result.then(onceMore))
    })
  }

  function lane(): DataLoader<Asked, Pending> {
    const turns = pLimit(AT_ONCE)
    let batch: Promise<unknown> = Promise.resolve()
    const load = (asked: readonly Asked[]) => {
      const results = enrollBatch(asked)
      batch = results
      return results
    }
    return new DataLoader(load, {
      cache: false,
      maxBatchSize: MAX_USERS,
      batchScheduleFn(dispatch) {
        void turns(async () => {
          await new Promise((resolve) => setImmediate(resolve))
          dispatch()
          await batch
        })
      },
    })
  }

  const lanes = { live: lane(), backlog: lane() }
  return async (userId, name = 'live', onHeld) => (await lanes[name].load({ userId, onHeld })).result
}

/** The result of the second of two calls for one user. */
function onceMore(result: UserCreatedResult): UserCreatedResult {
  return result.outcome === 'enrolled' ? { outcome: 'already-enrolled', enrolled: 0 } : result
}
