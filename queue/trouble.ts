import type { EventEmitter } from 'node:events'
import type { QueueLink } from './connect.js'
import { isRefusedByReplica } from './leave-replica.js'

/**
 * Tells what an error of a call to the queue means. ioredis tells why a connection failed through its `error` event
 * alone; the call that needed it fails with nothing but a count of its tries.
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
    if (isRefusedByReplica(error)) {
      const explained = new Error('the queue is on a Redis that refuses writes: a replica', { cause: error })
      return Object.assign(explained, { code: 'READONLY' })
    }
    const isUnexplained =
      error.name === 'MaxRetriesPerRequestError' || error.message === 'Connection is closed.'
    return isUnexplained ? (last ?? error) : error
  }
}
