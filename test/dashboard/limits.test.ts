import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { createSessions } from '../../dashboard/sessions.js'
import { basic, OPERATOR, startTestDashboard, VIEWER } from '../support/dashboard.js'
import { queuePlace, useDatabase } from '../support/servers.js'

const database = useDatabase()
let dashboard: RunningDashboard

beforeAll(async () => {
  dashboard = await startTestDashboard({
    databaseUrl: database.url,
    queue: queuePlace('redis', database),
  })
})
afterAll(() => dashboard.close())

it('one person has at most 200 pages open, and others still open theirs', async () => {
  const open = (account: { name: string; password: string }) => {
    const closing = new AbortController()
    return fetch(`${dashboard.url}/events`, { headers: basic(account), signal: closing.signal }).then(
      ({ status }) => ({ status, close: () => closing.abort() }),
    )
  }
  const streams = await Promise.all(Array.from({ length: 200 }, () => open(VIEWER)))
  expect(streams.every(({ status }) => status === 200)).toBe(true)
  const oneMore = await open(VIEWER)
  expect(oneMore.status).toBe(503)
  const operator = await open(OPERATOR)
  expect(operator.status).toBe(200)
  streams[0]?.close()
  await expect.poll(async () => (await open(VIEWER)).status).toBe(200)
  for (const { close } of [...streams, operator]) close()
})

it('one person has at most 100 sessions, of which a new one ends the oldest', () => {
  const sessions = createSessions()
  const others = sessions.start({ name: 'anna', role: 'operator' })
  const ids = Array.from({ length: 101 }, () => sessions.start({ name: 'vic', role: 'viewer' }))
  expect(ids.map((id) => sessions.find(id) !== undefined)).toEqual([false, ...Array(100).fill(true)])
  expect(sessions.find(others)).toEqual({ name: 'anna', role: 'operator' })
})
