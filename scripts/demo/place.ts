import type { Settings } from '../../config/settings.js'
import { queueSchema } from '../../queue/schema-name.js'
import { UsageError } from '../command.js'
import { startEmbeddedPostgres } from './embedded-postgres.js'
import { claimKeys } from './own-keys.js'
import { claimSchema } from './own-schema.js'

/** Where the demo runs: a database and a queue that hold nothing else. */
export interface Place {
  databaseUrl: string
  queueUrl: string
  prefix: string
  /** For a person, without secrets. */
  description: string
  /** Whether the URLs may be printed: embedded servers and their passwords end with the demo. */
  isEmbedded: boolean
  /** Removes everything that the demo created. */
  leave(): Promise<void>
}

const GUEST_SCHEMA = 'auto_enroll_demo'
const GUEST_PREFIX = '{auto-enroll-demo}'

/**
 * Starts an embedded Postgres; or, with `DATABASE_URL` and `QUEUE_URL` set, reserves a schema and a queue prefix there that
 * nobody else uses.
 *
 * @throws {UsageError} when only one of the two is set
 * @throws {Error} when the schema or the prefix is taken
 */
export async function openPlace({ DATABASE_URL, QUEUE_URL }: Settings): Promise<Place> {
  if (DATABASE_URL === undefined && QUEUE_URL === undefined) return embeddedPlace()
  if (DATABASE_URL !== undefined && QUEUE_URL !== undefined) return guestPlace(DATABASE_URL, QUEUE_URL)
  const [given, missing] =
    QUEUE_URL === undefined ? ['DATABASE_URL', 'QUEUE_URL'] : ['QUEUE_URL (or REDIS_URL)', 'DATABASE_URL']
  throw new UsageError(
    `${given} is set but ${missing} is not. Set both to run the demo on your own servers, in a schema and under a queue ` +
      'prefix of its own; or unset both, and the demo starts its own Postgres.',
  )
}

async function embeddedPlace(): Promise<Place> {
  // The data is thrown away with the demo, so nothing has to reach the disk.
  const postgres = await startEmbeddedPostgres(['-c', 'fsync=off', '-c', 'max_connections=100'])
  return {
    databaseUrl: postgres.url,
    queueUrl: postgres.url,
    prefix: '{auto-enroll}',
    description: 'An embedded PostgreSQL 18 is running. It holds the application’s tables and the queue.',
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
      `The demo runs on your servers, in the schema "${GUEST_SCHEMA}" and the queue ${GUEST_PREFIX}. It removes both at the ` +
      'end and touches nothing else.',
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
