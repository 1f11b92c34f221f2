import type { Settings } from '../../config/settings.js'
import { queueSchema } from '../../queue/connect.js'
import { UsageError } from '../command.js'
import { startEmbeddedPostgres } from './embedded-postgres.js'
import { claimKeys } from './own-keys.js'
import { claimSchema } from './own-schema.js'

/** Where the demo lives: a database and a queue that hold nothing else. */
export interface Place {
  databaseUrl: string
  queueUrl: string
  prefix: string
  /** For a person, without secrets. */
  description: string
  /** Whether others may be told the URLs: the servers and their passwords end with the demo. */
  isEmbedded: boolean
  /** Removes everything that the demo made. */
  leave(): Promise<void>
}

const GUEST_SCHEMA = 'auto_enroll_demo'
const GUEST_PREFIX = '{auto-enroll-demo}'

/**
 * Starts an embedded Postgres; or, with `DATABASE_URL` and `QUEUE_URL` set, makes a corner of the demo's own in them: a
 * schema and a queue prefix that nobody else uses.
 *
 * @throws {UsageError} when only one of the two is set
 * @throws {Error} when the corner is taken
 */
export async function openPlace({ DATABASE_URL, QUEUE_URL }: Settings): Promise<Place> {
  if (DATABASE_URL === undefined && QUEUE_URL === undefined) return embeddedPlace()
  if (DATABASE_URL !== undefined && QUEUE_URL !== undefined) return guestPlace(DATABASE_URL, QUEUE_URL)
  const [given, missing] =
    QUEUE_URL === undefined ? ['DATABASE_URL', 'QUEUE_URL'] : ['QUEUE_URL (or REDIS_URL)', 'DATABASE_URL']
  throw new UsageError(
    `${given} is set but ${missing} is not. Set both to run the demo on servers of yours, in a schema and under a queue ` +
      'prefix of its own; or unset both, and the demo brings its own Postgres.',
  )
}

async function embeddedPlace(): Promise<Place> {
  // What is in it ends with the demo, so nothing has to reach the disk.
  const postgres = await startEmbeddedPostgres(['-c', 'fsync=off', '-c', 'max_connections=100'])
  return {
    databaseUrl: postgres.url,
    queueUrl: postgres.url,
    prefix: '{auto-enroll}',
    description: 'An embedded PostgreSQL 18 is running, with the application’s tables and the queue in it.',
    isEmbedded: true,
    leave: () => postgres.stop(),
  }
}

async function guestPlace(databaseUrl: string, queueUrl: string): Promise<Place> {
  const url = new URL(databaseUrl)
  url.searchParams.set('schema', GUEST_SCHEMA)
  const releaseSchema = await claimSchema(databaseUrl, GUEST_SCHEMA)
  const releaseQueue = await claimQueue(queueUrl).catch(async (error: unknown) => {
    await releaseSchema()
    throw error
  })
  return {
    databaseUrl: url.href,
    queueUrl,
    prefix: GUEST_PREFIX,
    description:
      `Your servers are used: the schema "${GUEST_SCHEMA}" and the queue ${GUEST_PREFIX} are the demo's own and are ` +
      'removed at the end; nothing else is touched.',
    isEmbedded: false,
    async leave() {
      await Promise.all([releaseSchema(), releaseQueue()])
    },
  }
}

function claimQueue(queueUrl: string): Promise<() => Promise<void>> {
  return /^postgres(ql)?:/i.test(queueUrl)
    ? claimSchema(queueUrl, queueSchema(GUEST_PREFIX))
    : claimKeys(queueUrl, GUEST_PREFIX)
}
