import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { insertUsers } from '../support/application.js'
import { startTestDashboard } from '../support/dashboard.js'
import { type Gate, makeGate } from '../support/gate.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const OF_THE_DATABASE = ['auto_enroll_users_without_enrollment']
const OF_THE_QUEUE = ['auto_enroll_oldest_waiting_seconds', 'auto_enroll_unfinished_jobs', 'bullmq_job_count']

describe.each(BACKENDS)('figures of the whole system, with the queue on %s', (backend) => {
  describe.each([
    ['a worker', startTestWorker],
    ['the dashboard', startTestDashboard],
  ] as const)('scraped from %s', (_, start) => {
    const database = useDatabase()
    let databaseGate: Gate
    let queueGate: Gate
    let scraped: { url: string; close(): Promise<unknown> }

    beforeEach(async () => {
      const place = queuePlace(backend, database)
      databaseGate = await makeGate(database.url)
      queueGate = await makeGate(place.url)
      scraped = await start({
        databaseUrl: databaseGate.url,
        queue: { url: queueGate.url, prefix: place.prefix },
        env: { SHUTDOWN_TIMEOUT_MS: '500' },
      })
    })
    afterEach(async () => {
      await scraped.close()
      await Promise.all([databaseGate.shut(), queueGate.shut()])
    })

    /** Those of the figures that are in a scrape, with their values. */
    async function figures(): Promise<Record<string, number>> {
      const text = await (await fetch(`${scraped.url}/metrics`)).text()
      const lines = text.matchAll(/^(auto_enroll_\w+|bullmq_job_count)(?:\{[^}]*\})? (\S+)$/gm)
      const all = Object.fromEntries([...lines].map(([, name = '', value]) => [name, Number(value)]))
      return Object.fromEntries(
        [...OF_THE_DATABASE, ...OF_THE_QUEUE]
          .filter((name) => name in all)
          .map((name) => [name, all[name] ?? 0]),
      )
    }
    const names = async () => Object.keys(await figures())
    const patience = { timeout: 15_000 }

    it('are absent until they are read, and while they cannot be', async () => {
      await insertUsers(database, 3)
      expect(await figures()).toEqual({})
      await databaseGate.open()
      await expect.poll(names, patience).toEqual(OF_THE_DATABASE)
      expect(await figures()).toEqual({ auto_enroll_users_without_enrollment: 3 })
      await queueGate.open()
      await expect.poll(names, patience).toEqual([...OF_THE_DATABASE, ...OF_THE_QUEUE])

      await databaseGate.shut()
      await expect.poll(names, patience).toEqual(OF_THE_QUEUE)
      queueGate.freeze()
      await expect.poll(names, patience).toEqual([])

      await databaseGate.open()
      queueGate.thaw()
      await expect.poll(names, patience).toEqual([...OF_THE_DATABASE, ...OF_THE_QUEUE])
      databaseGate.freeze()
      await expect.poll(names, patience).toEqual(OF_THE_QUEUE)
    }, 60_000)
  })
})
