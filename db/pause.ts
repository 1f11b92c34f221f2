import { sql } from 'kysely'
import { within } from '../config/deadline.js'
import type { Database } from './schema.js'

/**
 * A pause of the queue as it is remembered here, because the queue forgets it with its data. Running workers look every
 * second, so a remembered pause holds them whatever the queue says.
 */
export interface RememberedPause {
  who: string
  /** Where they did it: the page, the page of the jobs, or a command. */
  through: string
  since: Date
}

/** As much of a queue as pausing it takes. */
interface PausableQueue {
  pause(): Promise<void>
  resume(): Promise<void>
  link: { options: { prefix: string } }
}

/** Nobody waits longer for a database that is away or locked. */
const TIMEOUT_MS = 1000

/**
 * Pauses the queue, and then remembers it.
 *
 * @returns why it could not be remembered; the queue is paused all the same, until it loses its data
 */
export async function pauseQueue(
  db: Database,
  queue: PausableQueue,
  by: Pick<RememberedPause, 'who' | 'through'>,
): Promise<unknown> {
  await queue.pause()
  return failureOf(rememberPause(db, queue.link.options.prefix, by))
}

/**
 * Forgets the pause, and then resumes the queue.
 *
 * @returns why it could not be forgotten; if it is remembered, it comes back with the database
 */
export async function resumeQueue(db: Database, queue: PausableQueue): Promise<unknown> {
  const failure = await failureOf(forgetPause(db, queue.link.options.prefix))
  await queue.resume()
  return failure
}

async function failureOf(writing: Promise<void>): Promise<unknown> {
  return within(TIMEOUT_MS, writing).then(
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

/** Of several who paused, the first is remembered. */
async function rememberPause(
  db: Database,
  queue: string,
  { who, through }: Pick<RememberedPause, 'who' | 'through'>,
): Promise<void> {
  await sql`
    insert into auto_enroll.pause (queue, who, "through") values (${queue}, ${who}, ${through})
    on conflict (queue) do nothing
  `.execute(db)
}

async function forgetPause(db: Database, queue: string): Promise<void> {
  await sql`delete from auto_enroll.pause where queue = ${queue}`.execute(db)
}
