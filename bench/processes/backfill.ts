/**
 * Queues every user without an enrollment, in a separate process: as `npm run backfill` does (`backfill`), or with bare
 * `addBulk` calls of 1,000 jobs with the same options and the ids already in memory (`bare`). Sends back the seconds and its
 * peak memory.
 */
import { randomUUID } from 'node:crypto'
import { keepHeapSmall } from '../../config/heap.js'
import { connectDatabase } from '../../db/connect.js'
import { openQueue } from '../../queue/open.js'
import { JOB_NAME, jobOptions } from '../../queue/user-created.js'
import { queueMissingUsers } from '../../worker/reconcile.js'
import { userIds } from '../application.js'

const CHUNK = 1000
const [, , kind, databaseUrl = '', url = '', prefix = '', maxPending] = process.argv
const db = connectDatabase(databaseUrl)
const queue = openQueue({ url, prefix, timeoutMs: 60_000, onError: () => undefined })

async function bare(ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += CHUNK) {
    const entries = ids.slice(start, start + CHUNK).map((userId) => {
      const event = { v: 1, userId, source: 'backfill', occurredAt: new Date().toISOString() } as const
      return { name: JOB_NAME, data: event, opts: { ...jobOptions(event), jobId: randomUUID() } }
    })
    await queue.bull().addBulk(entries)
  }
}

const ids = kind === 'bare' ? await userIds(db) : []
await queue.countUnfinished()
const startedAt = performance.now()
if (kind === 'bare') await bare(ids)
else {
  keepHeapSmall()
  await queueMissingUsers({ db, queue, source: 'backfill', maxPending: Number(maxPending) })
}
const seconds = (performance.now() - startedAt) / 1000
process.send?.({ seconds, peakMiB: process.resourceUsage().maxRSS / 1024 }, () => process.exit())
