import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { migrateQueue } from '../../queue/migrate.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { event } from '../support/event.js'
import { startScript } from '../support/process.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'

const WORKERS = 4

describe.each(BACKENDS)(
  'four worker processes that enroll the same users, with their queues on %s',
  (backend) => {
    const database = useDatabase()
    const queues: EventQueue[] = []
    const processes: ReturnType<typeof startScript>[] = []

    afterEach(async () => {
      for (const process of processes) process.kill('SIGTERM')
      await Promise.all(processes)
      await Promise.all(queues.map((queue) => queue.close()))
    })

    it('enroll each of them once, and never deadlock', async () => {
      await insertCourses(database, 5)
      const userIds = await insertUsers(database, 300)
      // A queue each, because one queue would hold each user only once.
      for (let worker = 0; worker < WORKERS; worker += 1) {
        const { url } = queuePlace(backend, database)
        const prefix = `{fleet-${randomBytes(4).toString('hex')}}`
        await migrateQueue(url, prefix)
        const queue = openQueue({ url, prefix, timeoutMs: 10_000, onError: () => undefined })
        queues.push(queue)
        await queue.pause()
        await queue.addMany(
          (worker % 2 === 0 ? userIds : userIds.toReversed()).map((userId) => event(userId)),
        )
        const env = { QUEUE_URL: url, QUEUE_PREFIX: prefix, WORKER_CONCURRENCY: '50' }
        processes.push(startScript('worker', [], { DATABASE_URL: database.url, ...SOLITARY, ...env }))
      }
      await Promise.all(queues.map((queue) => queue.resume()))
      await expect.poll(unfinished, { timeout: 20_000 }).toBe(0)

      expect(await countEnrollments(database)).toBe(300 * 5)
      const [row] = await database.sql<{ deadlocks: number }>(
        'select deadlocks::int from pg_stat_database where datname = current_database()',
      )
      expect(row?.deadlocks).toBe(0)
    })

    async function unfinished(): Promise<number> {
      const counts = await Promise.all(queues.map((queue) => queue.countUnfinished()))
      return counts.reduce((sum, count) => sum + count, 0)
    }
  },
)

/** No reconciler, which would queue the same users again, and any free port. */
const SOLITARY = { RECONCILE_INTERVAL_MS: '0', WORKER_HTTP_PORT: '0', LOG_LEVEL: 'warn' }
