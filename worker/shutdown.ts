import { within } from '../config/deadline.js'
import type { QueueLink } from '../queue/connect.js'
import type { Consumer } from './consume.js'

interface DrainOptions {
  consumer: Consumer
  stopReconciling: () => Promise<void>
  link: QueueLink
  timeoutMs: number
}

interface Drained {
  abandoned: number
  inTime: boolean
}

/**
 * Stops taking jobs and lets the active ones finish, for at most `timeoutMs`; then drops the connection, since closing
 * would wait forever on a queue that does not respond.
 *
 * @returns how many jobs were still active, and whether everything was confirmed in time
 */
export async function drain({ consumer, stopReconciling, link, timeoutMs }: DrainOptions): Promise<Drained> {
  const drained = Promise.all([consumer.close(), stopReconciling()]).then(
    () => true,
    () => false,
  )
  const inTime = await within(timeoutMs, drained).catch(() => false)
  const abandoned = consumer.active()
  if (!inTime) void consumer.close(true).catch(() => undefined)
  await link.disconnect().catch(() => undefined)
  return { abandoned, inTime }
}
