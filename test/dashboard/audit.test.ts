import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSettings } from '../../config/settings.js'
import { type RunningDashboard, startDashboard } from '../../dashboard/run.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { queueMissingUsers } from '../../worker/reconcile.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { OPERATOR, overviewOf, post } from '../support/dashboard.js'
import { event } from '../support/event.js'
import { queuePlace, useDatabase } from '../support/servers.js'

const QUEUED_AT_MOST = 5

describe('what the audit log says of the page', () => {
  const database = useDatabase()
  let queue: EventQueue
  let dashboard: RunningDashboard
  const logged: Record<string, unknown>[] = []

  beforeEach(async () => {
    const place = queuePlace('redis', database)
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await database.sql('truncate auto_enroll.audit')
    await insertCourses(database, 1)
    await insertUsers(database, 12)
    queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    const settings = readSettings(
      {
        DATABASE_URL: database.url,
        QUEUE_URL: place.url,
        QUEUE_PREFIX: place.prefix,
        DASHBOARD_PORT: '0',
        DASHBOARD_USER: OPERATOR.name,
        DASHBOARD_PASSWORD: OPERATOR.password,
      },
      ['DATABASE_URL', 'QUEUE_URL'],
    )
    const log = pino({ level: 'warn' }, { write: (line) => void logged.push(JSON.parse(line)) })
    // There is no worker, so a backfill stays where it is once the queue is full.
    dashboard = await startDashboard(settings, log, (options) =>
      queueMissingUsers({ ...options, source: 'backfill', maxPending: QUEUED_AT_MOST }),
    )
  })
  afterEach(async () => {
    await dashboard.close()
    await queue.close()
  })

  function entries() {
    return database.sql('select who, action, target, result, succeeded from auto_enroll.audit order by id')
  }

  async function whileLocked<T>(work: () => Promise<T>): Promise<T> {
    await database.sql('begin')
    await database.sql('lock table auto_enroll.audit in access exclusive mode')
    return work().finally(() => database.sql('rollback'))
  }

  async function startBackfill(): Promise<void> {
    await post(dashboard, '/backfill', OPERATOR)
    await expect.poll(() => queue.countUnfinished()).toBe(QUEUED_AT_MOST)
  }

  it('a backfill that somebody stopped is not succeeded, and who stopped it is named', async () => {
    await startBackfill()
    await post(dashboard, '/tasks/stop', OPERATOR)
    await expect.poll(entries).toEqual([
      {
        who: OPERATOR.name,
        action: 'backfill',
        target: null,
        result: `stopped by ${OPERATOR.name}; 5 of 12 done`,
        succeeded: false,
      },
      {
        who: OPERATOR.name,
        action: 'stop',
        target: `backfill by ${OPERATOR.name}`,
        result: 'asked to stop after 5 of 12',
        succeeded: true,
      },
    ])
    await expect.poll(async () => (await overviewOf(dashboard)).text).toContain('5 of 12 done')
  })

  it('a backfill that ended with its dashboard is interrupted', async () => {
    await startBackfill()
    await dashboard.close()
    expect(await entries()).toMatchObject([
      {
        action: 'backfill',
        result: 'interrupted: the dashboard was shut down; 5 of 12 done',
        succeeded: false,
      },
    ])
  })

  it('pausing does not wait for a locked audit log, and the page says that it is not recorded', async () => {
    await whileLocked(async () => {
      const startedAt = performance.now()
      const response = await post(dashboard, '/pause', OPERATOR)
      expect(performance.now() - startedAt).toBeLessThan(4000)
      expect(await response.text()).toMatch(
        /This was done, but could not be written to the audit log: (another transaction holds a lock on it|no answer within)/,
      )
      expect(await queue.isPaused()).toBe(true)
    })
    await queue.resume()
    expect(logged).toContainEqual(
      expect.objectContaining({ msg: 'not written to the audit log', action: 'pause', who: OPERATOR.name }),
    )
    await expect
      .poll(async () => (await overviewOf(dashboard)).text)
      .toContain(`Not in the audit log: ${OPERATOR.name}, pause`)
    expect(await entries()).toEqual([])
  })

  it('a backfill says at once that its beginning is not recorded, and is recorded at its end', async () => {
    await whileLocked(async () => {
      const response = await post(dashboard, '/backfill', OPERATOR)
      expect(await response.text()).toContain('could not be written to the audit log')
    })
    await expect.poll(() => queue.countUnfinished()).toBe(QUEUED_AT_MOST)
    await dashboard.close()
    expect(await entries()).toMatchObject([{ action: 'backfill', succeeded: false }])
  })

  it('what is done on the page of the jobs shows on the overview when it is not recorded', async () => {
    await queue.add(event('u1'))
    await whileLocked(() => post(dashboard, '/queues/api/queues/user-created/empty', OPERATOR))
    await expect
      .poll(async () => (await overviewOf(dashboard)).text)
      .toMatch(/Not in the audit log: anna, jobs \w+ \/user-created\/empty/)
  })

  it('the page says what it could not read, and what was cut off', async () => {
    await database.sql(
      `insert into auto_enroll.audit (who, "through", action, at) values ('otto', 'command', 'pause', now() - interval '1 hour')`,
    )
    await expect
      .poll(async () => (await overviewOf(dashboard)).text)
      .toContain('cut off: no result was recorded')
    await whileLocked(() =>
      expect
        .poll(async () => (await overviewOf(dashboard)).text, { timeout: 15_000 })
        .toMatch(/What operators did read \d+ s ago/),
    )
  })
})
