import type { EventEmitter } from 'node:events'
import type { QueueLink } from './connect.js'
import { isRejectedByReplica } from './leave-replica.js'

/**
 * Explains errors of calls to the queue. When a connection fails, ioredis gives the reason only in its `error` event; the
 * call itself fails with the number of retries.
 */
export function explainTrouble({ client }: QueueLink): (error: unknown) => unknown {
  let last: Error | undefined
  const emitter: EventEmitter = client
  emitter.on('error', (error: Error) => {
    last = error
  })
  return (error) => {
    if (!(error instanceof Error)) return error
    if (error.message === 'Command timed out') {
      return Object.assign(new Error('the queue does not answer', { cause: error }), { code: 'ETIMEDOUT' })
    }
    if (isRejectedByReplica(error)) {
      const explained = new Error('the queue is on a Redis that refuses writes: a replica', { cause: error })
      return Object.assign(explained, { code: 'READONLY' })
    }
    const isUnexplained =
      error.name === 'MaxRetriesPerRequestError' || error.message === 'Connection is closed.'
    return isUnexplained ? (last ?? error) : error
  }
}
