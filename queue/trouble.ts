import type { EventEmitter } from 'node:events'
import type { QueueLink } from './connect.js'

/**
 * Tells what an error of a call to the queue means. ioredis tells why a connection failed through its `error` event
 * alone, and the call that needed it fails with nothing but a count of its tries.
 */
export function explainTrouble({ client }: QueueLink): (error: unknown) => unknown {
  let last: Error | undefined
  const emitter: EventEmitter = client
  emitter.on('error', (error: Error) => {
    last = error
  })
  return (error) => (isUnexplained(error) ? (last ?? error) : error)
}

function isUnexplained(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'MaxRetriesPerRequestError' || error.message === 'Connection is closed.')
  )
}
