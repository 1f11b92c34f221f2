/**
 * A BullMQ worker to compare with, in a separate process: it takes the same jobs with the same options as the real one and
 * does nothing with them (`nothing`), or enrolls each with its own statement (`one-statement`).
 */
import { MetricsTime, Worker } from 'bullmq'
import { columnsOf } from '../../db/columns.js'
import { connectDatabase } from '../../db/connect.js'
import { enrollUsers } from '../../db/enrollments.js'
import { linkQueue } from '../../queue/connect.js'
import { QUEUE_NAME, type UserCreatedJob, type UserCreatedResult } from '../../queue/user-created.js'

const [, , kind, databaseUrl = '', url = '', prefix = '', concurrency] = process.argv
const db = connectDatabase(databaseUrl, { max: 10 })

async function enrollAlone({ data: { userId } }: UserCreatedJob): Promise<UserCreatedResult> {
  const { created } = await enrollUsers(db, await columnsOf(db), 'active', [userId])
  return { outcome: 'enrolled', enrolled: created.get(userId) ?? 0 }
}

async function doNothing(): Promise<UserCreatedResult> {
  return { outcome: 'enrolled', enrolled: 0 }
}

const link = linkQueue({ url, prefix, profile: { mode: 'consume' }, onError: () => undefined })
const worker = new Worker(
  QUEUE_NAME,
  kind === 'one-statement' ? enrollAlone : doNothing,
  {
    ...link.options,
    concurrency: Number(concurrency),
    maxStalledCount: 1000,
    metrics: { maxDataPoints: MetricsTime.TWO_WEEKS },
  },
  link.backend as never,
)
worker.on('error', () => undefined)
process.once('SIGTERM', () => process.exit())
