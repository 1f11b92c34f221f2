import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import { startTestDashboard } from '../support/dashboard.js'
import { queuePlace, useDatabase } from '../support/servers.js'

describe.concurrent('a client that never finishes its request', () => {
  const database = useDatabase()
  let dashboard: RunningDashboard
  beforeAll(async () => {
    const queue = queuePlace('redis', database)
    dashboard = await startTestDashboard({ databaseUrl: database.url, queue })
  })
  afterAll(() => dashboard.close())

  it.each([
    ['in its headers', 'POST /login HTTP/1.1\r\nHost: localhost\r\n'],
    [
      'in its body',
      'POST /login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=',
    ],
  ])('is cut off %s', { timeout: 20_000 }, async (_, beginning) => {
    const { port, hostname } = new URL(dashboard.url)
    const socket = connect(Number(port), hostname)
    socket.write(beginning)
    await once(socket.resume(), 'close')
    expect(socket.destroyed).toBe(true)
  })
})
