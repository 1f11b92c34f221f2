import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RunningDashboard } from '../../dashboard/run.js'
import type { Symptom } from '../../dashboard/verdict/finding.js'
import { readDatabaseIdentity } from '../../db/identity.js'
import { adoptQueue } from '../../queue/identity.js'
import { readLimits, removeLimits } from '../../queue/limits.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { JOB_NAME, jobOptions } from '../../queue/user-created.js'
import type { RunningWorker } from '../../worker/run.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { basic, OPERATOR, overviewOf, post, startTestDashboard, VIEWER } from '../support/dashboard.js'
import { event } from '../support/event.js'
import { makeGate } from '../support/gate.js'
import { runbookChapters } from '../support/readme.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

const MINUTES_AGO_MS = 4 * 60_000

describe.each(BACKENDS)('the verdict, with the queue on %s', (backend) => {
  const database = useDatabase()
  let place: ReturnType<typeof queuePlace>
  let queue: EventQueue
  let dashboard: RunningDashboard
  const running: { close(): Promise<unknown> }[] = []

  beforeAll(async () => {
    place = queuePlace(backend, database)
    queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
    dashboard = await startTestDashboard({ databaseUrl: database.url, queue: place })
  })
  afterAll(async () => {
    await dashboard.close()
    await queue.close()
  })
  beforeEach(async () => {
    await queue.bull().obliterate({ force: true })
    await queue.resume()
    await removeLimits(queue)
    await database.sql('truncate "User", "Course", "Enrollment" cascade')
    await database.sql('truncate auto_enroll.audit, auto_enroll.pause')
  })
  afterEach(async () => {
    for (const server of running.splice(0)) await server.close()
  })

  async function startWorker(env: Record<string, string> = {}): Promise<RunningWorker> {
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place, env })
    running.push(worker)
    return worker
  }

  async function workerIsConnected(): Promise<void> {
    await expect.poll(() => queue.bull().getWorkersCount()).toBe(1)
  }

  /** Waits until the page shows this symptom, with this headline and these details. */
  async function expectVerdict(
    symptom: Symptom,
    words = /./,
    of: RunningDashboard = dashboard,
  ): Promise<void> {
    const shown = () => overviewOf(of).then((overview) => `${overview.symptom}: ${overview.verdict}`)
    await expect
      .poll(shown, { timeout: 15_000 })
      .toMatch(new RegExp(`^${symptom}: ${words.source.replace(/^\^/, '')}`))
  }

  async function enrollByHand(userIds: string[], courseIds: string[]): Promise<void> {
    await database.sql(
      `insert into "Enrollment" (id, "userId", "courseId")
       select u || c, u, c from unnest($1::text[]) u, unnest($2::text[]) c`,
      [userIds, courseIds],
    )
  }

  function queueLongAgo(userId: string) {
    const options = { ...jobOptions(event(userId)), timestamp: Date.now() - MINUTES_AGO_MS }
    return queue.bull().add(JOB_NAME, event(userId), options)
  }

  it('says that everyone is enrolled', async () => {
    await startWorker()
    await enrollByHand(await insertUsers(database, 3), await insertCourses(database, 2))
    await expectVerdict(
      'everyone-is-enrolled',
      /^Everyone is enrolled 3 users, 2 published courses, nobody waiting\./,
    )
  })

  it('counts who waits, and the oldest', async () => {
    await startWorker()
    await insertCourses(database, 1)
    const userIds = await insertUsers(database, 2)
    await database.sql('begin')
    await database.sql('lock table "Enrollment" in access exclusive mode')
    try {
      await queue.addMany(userIds.map((userId) => event(userId)))
      // The lock keeps the users from being counted as well, so the page knows only the queue.
      await expect.poll(async () => (await overviewOf(dashboard)).figures['In the queue']).toMatch(/^2/)
    } finally {
      await database.sql('rollback')
    }
    await expectVerdict('everyone-is-enrolled')
  })

  it('distinguishes a live backlog from a stuck one', async () => {
    await startWorker()
    await insertCourses(database, 1)
    await enrollByHand(await insertUsers(database, 1), [])
    await queue.bull().add(JOB_NAME, event('nobody'), { ...jobOptions(event('nobody')), delay: 60_000 })
    await expectVerdict('users-are-waiting', /^1 user is waiting/)
  })

  it('says that it is stuck, since when and why', async () => {
    const gate = await makeGate(database.url)
    await gate.open()
    const own = await startTestDashboard({ databaseUrl: gate.url, queue: place })
    const worker = await startTestWorker({ databaseUrl: gate.url, queue: place })
    running.push(own, worker, { close: gate.shut })
    await workerIsConnected()
    await gate.shut()
    await insertCourses(database, 1)
    for (const userId of await insertUsers(database, 3)) await queueLongAgo(userId)
    await expectVerdict(
      'stuck',
      /^Stuck: 3 users waiting, nothing finished for 4 min: Postgres refuses connections/,
      own,
    )
    await gate.open()
    await expectVerdict('everyone-is-enrolled', /./, own)
  })

  it('says as much as can be known when the workers alone are cut off', async () => {
    const gate = await makeGate(database.url)
    await gate.open()
    running.push(await startTestWorker({ databaseUrl: gate.url, queue: place }), { close: gate.shut })
    await workerIsConnected()
    await gate.shut()
    await insertCourses(database, 1)
    for (const userId of await insertUsers(database, 3)) await queueLongAgo(userId)
    await expectVerdict(
      'stuck',
      /^Stuck: 3 users waiting, .*: (Postgres refuses connections|the workers have jobs but do not finish them)/,
    )
    await gate.open()
    await expectVerdict('everyone-is-enrolled')
  })

  it('says that no worker is connected', async () => {
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await queue.add(event(userId))
    await expectVerdict('no-worker', /^1 user is waiting, oldest \d s, and no worker is connected/)
    await queue.bull().drain()
    await queueLongAgo(userId)
    await expectVerdict('no-worker', /^Stuck: .* nothing finished for 4 min: no worker is connected/)
  })

  it('says who paused it and since when', async () => {
    await startWorker()
    await insertCourses(database, 1)
    expect((await post(dashboard, '/pause', OPERATOR)).status).toBe(303)
    const [{ at } = { at: new Date() }] = await database.sql<{ at: Date }>('select at from auto_enroll.audit')
    const [userId = ''] = await insertUsers(database, 1)
    await queue.add(event(userId))
    const since = `${at.toISOString().slice(11, 16)} UTC`
    await expectVerdict(
      'paused',
      new RegExp(`^Paused by ${OPERATOR.name} since ${since} 1 user is waiting, oldest \\d+ s\\.`),
    )
  })

  it('says that it does not know who paused', async () => {
    await startWorker()
    await queue.pause()
    await expectVerdict('paused', /^Paused; by whom and since when was not recorded/)
  })

  it('says who is missing', async () => {
    await startWorker()
    await insertCourses(database, 1)
    await insertUsers(database, 2)
    await expectVerdict(
      'users-are-missing',
      /^2 users are not enrolled The reconciler queues them by \d\d:\d\d:\d\d UTC at the latest \(in 60 s\); a backfill does it now\. 0 of 2 users/,
    )
  })

  it('says why who is missing failed', async () => {
    await startWorker()
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await database.sql(`alter table "Enrollment" add constraint closed check (status <> 'active')`)
    try {
      await queue.add(event(userId))
      await expectVerdict(
        'users-are-missing',
        /^1 user is not enrolled: a check constraint refuses the enrollment .* The jobs of 1 of them failed for good\./,
      )
    } finally {
      await database.sql('alter table "Enrollment" drop constraint closed')
    }
  })

  it('says that no course is published', async () => {
    await startWorker()
    await insertUsers(database, 2)
    await insertCourses(database, 1, false)
    await expectVerdict('no-published-course', /^No course is published.* 2 users without an enrollment/)
  })

  it('says that somebody is enrolled twice', async () => {
    await startWorker()
    const courses = await insertCourses(database, 1)
    const users = await insertUsers(database, 1)
    await database.sql('drop index "Enrollment_userId_courseId_key"')
    try {
      await enrollByHand(users, courses)
      await database.sql(`insert into "Enrollment" (id, "userId", "courseId") values ('again', $1, $2)`, [
        users[0],
        courses[0],
      ])
      await expectVerdict('enrolled-twice', /^1 enrollment is there twice/)
    } finally {
      await database.sql(`delete from "Enrollment" where id = 'again'`)
      await database.sql(
        'create unique index "Enrollment_userId_courseId_key" on "Enrollment"("userId", "courseId")',
      )
    }
  })

  it('says that the database does not respond, and what was last counted', async () => {
    const gate = await makeGate(database.url)
    await gate.open()
    const own = await startTestDashboard({ databaseUrl: gate.url, queue: place })
    running.push(own, { close: gate.shut })
    await startWorker()
    await enrollByHand(await insertUsers(database, 3), await insertCourses(database, 1))
    // The users are counted, not only the empty database of the beginning.
    await expectVerdict('everyone-is-enrolled', /.* 3 users/, own)
    await gate.shut()
    await expectVerdict(
      'database-unreachable',
      /^Who is enrolled cannot be read: Postgres refuses connections 3 of 3 users were enrolled when last counted, \d+ s ago\./,
      own,
    )
    expect((await overviewOf(own)).text).toMatch(/ Coverage \(counted \d+ s ago\) By published course /)
  })

  it('says that the queue does not respond, and who is enrolled nevertheless', async () => {
    const gate = await makeGate(place.url)
    await gate.open()
    const own = await startTestDashboard({ databaseUrl: database.url, queue: { ...place, url: gate.url } })
    running.push(own, { close: gate.shut })
    await startWorker()
    await enrollByHand(await insertUsers(database, 3), await insertCourses(database, 1))
    await expectVerdict('everyone-is-enrolled', /./, own)
    await gate.shut()
    await expectVerdict(
      'queue-unreachable',
      /^The queue does not respond: .* 3 of 3 users are enrolled\./,
      own,
    )
    await gate.open()
    await expectVerdict('everyone-is-enrolled', /./, own)
  })

  it('says so as well when it starts while both are away, and recovers', async () => {
    const gates = await Promise.all([makeGate(database.url), makeGate(place.url)])
    const [databaseGate, queueGate] = gates
    const own = await startTestDashboard({
      databaseUrl: databaseGate.url,
      queue: { ...place, url: queueGate.url },
    })
    running.push(own, ...gates.map((gate) => ({ close: gate.shut })))
    await expectVerdict(
      'queue-unreachable',
      /^The queue does not respond: .* Also: Who is enrolled cannot be read: Postgres refuses connections/,
      own,
    )
    expect((await fetch(`${own.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${own.url}/readyz`)).status).toBe(503)

    for (const gate of gates) await gate.open()
    await startWorker()
    await enrollByHand(await insertUsers(database, 1), await insertCourses(database, 1))
    await expectVerdict('everyone-is-enrolled', /./, own)
  })

  it('says of a pause over an outage that both are there, the outage first', async () => {
    const gate = await makeGate(database.url)
    await gate.open()
    const own = await startTestDashboard({ databaseUrl: gate.url, queue: place })
    running.push(own, { close: gate.shut })
    await startWorker()
    await insertCourses(database, 1)
    await queue.pause()
    await expectVerdict('paused', /./, own)
    await gate.shut()
    await expectVerdict(
      'database-unreachable',
      /^Who is enrolled cannot be read: Postgres refuses connections .* Also: Paused; by whom/,
      own,
    )
    const { figures, buttons } = await overviewOf(own)
    expect(figures).toMatchObject({
      Enrolled: expect.stringMatching(/^\? 100 %, \d+ s ago$/),
      'Not enrolled': expect.stringMatching(/^\? 0, \d+ s ago$/),
    })
    expect(buttons).toContain('Resume')
  })

  it('says that no worker is connected and that jobs failed', async () => {
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await queue.bull().add('mistaken', event(userId))
    const worker = await startTestWorker({ databaseUrl: database.url, queue: place })
    await expectVerdict('users-are-missing', /^1 user is not enrolled: unknown job name/)
    await worker.close()
    await expectVerdict(
      'no-worker',
      /^1 user is not enrolled, and no worker is connected .* Also: 1 user is not enrolled: unknown job name.* Nothing queues the user again while no worker is connected/,
    )
  })

  it('says what limits the queue, and removes it', async () => {
    await insertCourses(database, 1)
    const userIds = await insertUsers(database, 5)
    await queue.bull().setGlobalRateLimit(1, 60_000)
    await queue.addMany(userIds.map((userId) => event(userId)))
    await startWorker()
    await expectVerdict(
      'limited',
      /^The queue itself starts at most 1 job every 60 s; 4 jobs wait At this rate the jobs that wait take 4 min/,
    )
    expect((await overviewOf(dashboard)).buttons[0]).toBe('Remove the limit')
    expect((await post(dashboard, '/limits', VIEWER)).status).toBe(403)
    expect((await post(dashboard, '/limits', OPERATOR)).status).toBe(303)
    expect(await readLimits(queue)).toEqual({ partitions: 1, paused: 0 })
    await startWorker()
    await expectVerdict('everyone-is-enrolled')
    expect(await database.sql('select action, result, succeeded from auto_enroll.audit order by id')).toEqual(
      [
        {
          action: 'remove-limits',
          result: 'removed; before, the queue itself starts at most 1 job every 60 s',
          succeeded: true,
        },
      ],
    )
  })

  it('says that users lack courses that were published later', async () => {
    await startWorker()
    const [first = ''] = await insertCourses(database, 3)
    const userIds = await insertUsers(database, 4)
    await enrollByHand(userIds, [first])
    await expectVerdict(
      'courses-are-missing',
      /^Everyone has a course; 4 users lack courses published later 8 enrollments are missing in 3 published courses\./,
    )
  })

  it('names every cause with its users, and offers no backfill where the jobs would fail again', async () => {
    await insertCourses(database, 1)
    const userIds = await insertUsers(database, 3)
    await database.sql(
      `alter table "Enrollment" add constraint closed check ("userId" <> '${userIds[0]}') not valid`,
    )
    try {
      await queue.pause()
      await queue.add(event(userIds[0] ?? ''))
      for (const userId of userIds.slice(1)) {
        for (let n = 0; n < 3; n += 1) await queue.bull().add('mistaken', event(userId))
      }
      await startWorker()
      await queue.resume()
      await expectVerdict(
        'users-are-missing',
        /^3 users are not enrolled, for 2 reasons The jobs of 3 of them failed for good\. 2 users: unknown job name.*; 1 user: a check constraint refuses the enrollment/,
      )
      const { buttons, text } = await overviewOf(dashboard)
      expect(buttons).toEqual(['See the failures'])
      expect(text).toContain('7 failed jobs of 3 users. 3 users of them still without an enrollment.')
      expect(text).toContain('Put all 7 failed jobs of 3 users back.')
    } finally {
      await database.sql('alter table "Enrollment" drop constraint closed')
    }
  })

  it('counts users and jobs apart', async () => {
    await startWorker()
    await queue.pause()
    for (let n = 0; n < 6; n += 1) await queue.bull().add(JOB_NAME, event(`user-${n % 2}`))
    await expectVerdict('paused', /^Paused; .* 2 users are waiting \(6 jobs\), oldest \d+ s\./)
  })

  it('promises no round of the reconciler while the queue is paused', async () => {
    await startWorker()
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await queue.bull().add('mistaken', event(userId, 'reconcile'))
    await expectVerdict(
      'users-are-missing',
      /.*Until the cause is gone they fail again\. The reconciler queues the user again by .* at the latest \(in \d+ s\)/,
    )
    await queue.pause()
    await expectVerdict(
      'users-are-missing',
      /.*Nothing queues the user again while the queue is paused\. .*Also: Paused/,
    )
  })

  it('names the session whose locks enrollments wait for', async () => {
    await startWorker()
    await insertCourses(database, 1)
    const userIds = await insertUsers(database, 3)
    await database.sql('begin')
    await database.sql('select from "User" where id = $1 for update', [userIds[0]])
    try {
      await queue.addMany(userIds.map((userId) => event(userId)))
      await expectVerdict(
        'locked-rows',
        /^Locks in Postgres hold up auto-enroll: process \d+ of postgres holds locks .*idle in transaction; 1 session of auto-enroll waits .*select pg_terminate_backend\(\d+\)/,
      )
    } finally {
      await database.sql('rollback')
    }
    await expectVerdict('everyone-is-enrolled')
  }, 40_000)

  it('says that the queue serves another database', async () => {
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    const identity = await readDatabaseIdentity(database.db)
    await adoptQueue(queue, { id: 'shop', name: '"shop" on db:5432' })
    try {
      await queue.add(event(userId))
      await expectVerdict(
        'another-database',
        /^The queue serves another database: "shop" on db:5432 Its workers consumed it \d+ s ago/,
      )
      const found = await fetch(`${dashboard.url}/users?q=${userId}`, { headers: basic(OPERATOR) })
      expect(await found.text()).toContain(
        'but the queue serves another database (&quot;shop&quot; on db:5432)',
      )
    } finally {
      await adoptQueue(queue, identity)
    }
  })

  it('takes no count from before a rollback for the present', async () => {
    await startWorker()
    const [course = ''] = await insertCourses(database, 1)
    await enrollByHand(await insertUsers(database, 3), [course])
    await expectVerdict('everyone-is-enrolled')
    await queue.pause()
    await database.sql('delete from "Enrollment"')
    await database.sql(
      `insert into auto_enroll.audit (who, "through", action, result, succeeded) values ('olga', 'command', 'rollback', 'paused; 3 enrollments removed', true)`,
    )
    await expectVerdict('paused', /^Paused by olga .* 0 of 3 users are enrolled\./)
  })

  it('says that it is switched off', async () => {
    const own = await startTestDashboard({
      databaseUrl: database.url,
      queue: place,
      env: { AUTO_ENROLL_ENABLED: 'false' },
    })
    running.push(own)
    await expectVerdict('switched-off', /^Switched off: AUTO_ENROLL_ENABLED is false/, own)
  })

  it('works, and says so, where the audit log was not made', async () => {
    await database.sql('alter schema auto_enroll rename to elsewhere')
    try {
      const own = await startTestDashboard({ databaseUrl: database.url, queue: place })
      running.push(own)
      const paused = await post(own, '/pause', OPERATOR)
      expect(await paused.text()).toContain(
        'This was done, but could not be written to the audit log: the audit log is missing or out of date; npm run migrate creates it.',
      )
      await expectVerdict('paused', /^Paused; by whom/, own)
      expect((await overviewOf(own)).text).toContain('The audit log is missing or out of date')
      expect((await post(own, '/resume', OPERATOR)).status).toBe(200)
    } finally {
      await database.sql('alter schema elsewhere rename to auto_enroll')
    }
  })
})

it('has a chapter in the runbook for every verdict', () => {
  const symptoms = [
    ...readFileSync('dashboard/verdict/finding.ts', 'utf8').matchAll(/^ {2}\| '([a-z-]+)'$/gm),
  ].map(([, symptom = '']) => symptom)
  expect(symptoms).toContain('stuck')
  expect(symptoms.filter((symptom) => !runbookChapters().includes(symptom))).toEqual([])
})
