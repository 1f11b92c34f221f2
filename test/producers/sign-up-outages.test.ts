import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPublisher, type Publisher } from '../../producers/publisher.js'
import { signUp } from '../../producers/sign-up.js'
import type { RunningWorker } from '../../worker/run.js'
import { enrollmentsOf, insertCourses } from '../support/application.js'
import { type FragileQueue, fragileQueue } from '../support/outage.js'
import { BACKENDS, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const PUBLISH_TIMEOUT_MS = 250
const RECONCILE_INTERVAL_MS = 1000
/** To connect again, to queue and to enroll; and a grace for a busy machine. */
const RECOVERY_MS = 5000

describe.each(BACKENDS)('signing up while the queue on %s is in trouble', (backend) => {
  const database = useDatabase()
  let queue: FragileQueue
  let worker: RunningWorker
  let publisher: Publisher

  beforeEach(async () => {
    await database.sql('truncate "User", "Course" cascade')
    await insertCourses(database, 2)
    queue = await fragileQueue(backend, database)
  })
  afterEach(async () => {
    await publisher.close()
    await worker.close()
    await queue.stop()
  })

  /** The application and the worker, each as it is at the start of its process. */
  async function startProcesses(): Promise<void> {
    worker = await startTestWorker({
      databaseUrl: database.url,
      queue,
      env: { RECONCILE_INTERVAL_MS: String(RECONCILE_INTERVAL_MS), SHUTDOWN_TIMEOUT_MS: '2000' },
    })
    publisher = createPublisher({ queueUrl: queue.url, prefix: queue.prefix, timeoutMs: PUBLISH_TIMEOUT_MS })
  }

  async function signUpSomebody(): Promise<string> {
    let hashed = 0
    const hashPassword = async (password: string) => {
      hashed = performance.now()
      return password
    }
    const input = { name: 'Somebody', email: `${randomUUID()}@example.com`, password: 'correct horse' }
    const result = await signUp({ db: database.db, publisher, hashPassword }, input)
    expect(performance.now() - hashed).toBeLessThan(PUBLISH_TIMEOUT_MS + 500)
    if (result.status !== 'created') throw new Error(`not signed up: ${result.status}`)
    return result.userId
  }

  async function expectEnrolled(userIds: string[]): Promise<void> {
    const counts = async () =>
      Promise.all(userIds.map(async (userId) => Object.keys(await enrollmentsOf(database, userId)).length))
    await expect.poll(counts, { timeout: RECONCILE_INTERVAL_MS + RECOVERY_MS }).toEqual(userIds.map(() => 2))
  }

  it('succeeds in time when it was down before the process started, and enrolls when it is up', async () => {
    await startProcesses()
    const userIds = [await signUpSomebody(), await signUpSomebody()]
    await queue.start()
    await expectEnrolled(userIds)
  })

  it('succeeds in time when it goes away meanwhile, and enrolls when it is back', async () => {
    await queue.start()
    await startProcesses()
    await expectEnrolled([await signUpSomebody()])
    await queue.stop()
    const userIds = [await signUpSomebody(), await signUpSomebody()]
    await queue.start()
    await expectEnrolled(userIds)
  })

  it('succeeds in time while it hangs, and enrolls when it goes on', async () => {
    await queue.start()
    await startProcesses()
    await expectEnrolled([await signUpSomebody()])
    queue.freeze()
    const userIds = [await signUpSomebody(), await signUpSomebody()]
    queue.thaw()
    await expectEnrolled(userIds)
  })
})
