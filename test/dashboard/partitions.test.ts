import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { partitionOf } from '../../queue/partitions.js'
import { basic, OPERATOR, startTestDashboard } from '../support/dashboard.js'
import { event } from '../support/event.js'
import { queuePlace, useDatabase } from '../support/servers.js'

const PARTITIONS = 3

describe('the page over a queue of three partitions', () => {
  const database = useDatabase()
  let queue: EventQueue
  let dashboard: RunningDashboard

  beforeAll(async () => {
    const place = queuePlace('redis', database)
    queue = openQueue({ ...place, partitions: PARTITIONS, timeoutMs: 5000, onError: () => undefined })
    dashboard = await startTestDashboard({
      databaseUrl: database.url,
      queue: place,
      env: {
        QUEUE_PARTITIONS: String(PARTITIONS),
        DASHBOARD_USER: OPERATOR.name,
        DASHBOARD_PASSWORD: OPERATOR.password,
      },
    })
    await Promise.all(queue.partitions().map((bull) => bull.obliterate({ force: true })))
    await queue.addMany(Array.from({ length: 30 }, (_, n) => event(`user-${n}`)))
  })
  afterAll(async () => {
    await dashboard.close()
    await queue.close()
  })

  const get = (path: string) => fetch(dashboard.url + path, { headers: basic(OPERATOR), redirect: 'manual' })

  it('leads to a job in whichever of them', async () => {
    for (let n = 0; n < 30; n += 1) {
      const partition = partitionOf(`user-${n}`, PARTITIONS)
      const jobId = await queue.unfinishedJobOf(`user-${n}`)
      const response = await get(`/jobs/${jobId}`)
      const name = `${partition === 0 ? '' : `${partition}-`}user-created`
      expect(response.headers.get('location')).toBe(`/queues/queue/${name}/${jobId}?status=waiting`)
      expect(await (await get(`/queues/api/queues/${name}/${jobId}`)).json()).toMatchObject({
        job: { id: jobId },
      })
    }
  })

  it('says that a job is gone', async () => {
    const response = await get('/jobs/none')
    expect(response.status).toBe(404)
    expect(await response.text()).toContain('That job is gone')
  })

  it('counts what waits in all of them', async () => {
    await expect.poll(async () => (await get('/metrics')).text()).toMatch(/^auto_enroll_unfinished_jobs 30$/m)
  })
})
