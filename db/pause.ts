import { setTimeout as delay } from 'node:timers/promises'
import { type RawBuilder, sql } from 'kysely'
import { boundedTransaction } from './bounded.js'
import type { Database } from './schema.js'

/**
 * A pause of the queue. It is stored here because the queue forgets it when it loses its data. Workers check it every
 * second and take no jobs while it is here, even if the queue itself is not paused.
 */
export interface RememberedPause {
  who: string
  /** Where they did it: the page, the page of the jobs, or a command. */
  through: string
  since: Date
}

/** How often a running worker looks for a remembered pause. */
export const LOOK_FOR_PAUSE_EVERY_MS = 1000
/** Until each of them has seen it: the look itself takes a moment, too. */
const SEEN_WITHIN_MS = LOOK_FOR_PAUSE_EVERY_MS + 250

/** The part of a queue that is needed to pause it. */
interface PausableQueue {
  pause(): Promise<void>
  resume(): Promise<void>
  link: { options: { prefix: string } }
}

/** Nobody waits longer for a database that is away or locked. */
const TIMEOUT_MS = 1000

/**
 * Pauses the queue, remembers it, and returns once the running workers have had the time to see that: from then on they
 * stay paused even if the queue loses its data.
 *
 * @returns why it could not be remembered, if so; the queue is paused anyway, until it loses its data
 */
export async function pauseQueue(
  db: Database,
  queue: PausableQueue,
  by: Pick<RememberedPause, 'who' | 'through'>,
): Promise<unknown> {
  await queue.pause()
  const failure = await failureOf(db, rememberPause(queue.link.options.prefix, by))
  if (failure === undefined) await delay(SEEN_WITHIN_MS)
  return failure
}

/**
 * Forgets the pause, and then resumes the queue.
 *
 * @returns why it could not be forgotten, if so; a remembered pause then returns once the database is back
 */
export async function resumeQueue(db: Database, queue: PausableQueue): Promise<unknown> {
  const failure = await failureOf(db, forgetPause(queue.link.options.prefix))
  await queue.resume()
  return failure
}

/** A pause that was remembered only after somebody resumed would hold the workers again. */
async function failureOf(db: Database, statement: RawBuilder<unknown>): Promise<unknown> {
  return boundedTransaction(db, TIMEOUT_MS, (tx) => statement.execute(tx)).then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** @param queue the queue's prefix */
export async function readPause(db: Database, queue: string): Promise<RememberedPause | undefined> {
  const { rows } = await sql<RememberedPause>`
    select who, "through", since from auto_enroll.pause where queue = ${queue}
  `.execute(db)
  return rows[0]
}

/** If several people pause, the first is remembered. */
function rememberPause(queue: string, { who, through }: Pick<RememberedPause, 'who' | 'through'>) {
  return sql`
    insert into auto_enroll.pause (queue, who, "through") values (${queue}, ${who}, ${through})
    on conflict (queue) do nothing
  `
}

function forgetPause(queue: string) {
  return sql`delete from auto_enroll.pause where queue = ${queue}`
}
