import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { JOB_NAME, QUEUE_NAME } from '../../queue/user-created.js'
import { addUsers } from './load.js'
import { play, type Scenario } from './scenario.js'
import { until } from './until.js'

/** Every kind of character that a text column accepts. */
const ODD_IDS = [
  `o'brien "quoted" \\ backslash`,
  `'; drop table "User"; --`,
  '🧑‍🎓 émoji ünïcode 漢字',
  'a:b:c',
  'line\nbreak\ttab',
  '%_*?[{}]',
  '0012345',
  'x'.repeat(255),
]

describe.concurrent('poison', () => {
  for (const queueOn of ['redis', 'postgres'] as const) {
    it(`jobs that cannot succeed, among sign-ups (queue on ${queueOn})`, (test) =>
      play(test, { queueOn }, async (stage) => {
        const { queue } = stage
        await stage.queue.pause()
        const good = { v: 1, source: 'credentials', occurredAt: new Date().toISOString() }
        const poison: unknown[] = [
          { ...good, userId: 'u1', v: 2 },
          { ...good, userId: 'x'.repeat(1024 * 1024) },
          { ...good, userId: 'x'.repeat(256) },
          { ...good, userId: '' },
          { ...good, userId: { $ne: null } },
          ['an array'],
          // Its columns cannot hold NUL at all.
          ...(queueOn === 'redis' ? [{ ...good, userId: 'nul\0nul' }] : []),
        ]
        for (const event of poison) await addRaw(stage, JOB_NAME, event)
        await addRaw(stage, 'user.deleted', { ...good, userId: 'u1' })
        await addGarbage(stage)
        await addOddUsers(stage)
        await queue.resume()
        stage.faultEnds()
        await until('what is wrong to be kept as failed', async () => {
          return (await queue.bull().getFailedCount()) >= poison.length + 2
        })
        const failed = await queue.bull().getJobs(['failed'])
        expect(failed.every((job) => job.failedReason !== undefined)).toBe(true)
      }))
  }

  it('events for users who were deleted', (test) =>
    play(test, {}, async (stage) => {
      await stage.queue.pause()
      const userIds = await addUsers(stage, 100)
      await stage.database.sql('delete from "User" where id = any($1)', [userIds])
      await stage.queue.resume()
      stage.faultEnds()
      await stage.during(1000)
    }))

  it('a hundred copies of one event at once, on 4 workers', (test) =>
    play(test, { workers: 4, perSecond: 5 }, async (stage) => {
      await stage.queue.pause()
      const userIds = await addUsers(stage, 5)
      const occurredAt = new Date().toISOString()
      await Promise.all(
        userIds.flatMap((userId) =>
          Array.from({ length: 100 }, () =>
            addRaw(stage, JOB_NAME, { v: 1, userId, source: 'credentials', occurredAt }),
          ),
        ),
      )
      await stage.queue.resume()
      stage.faultEnds()
      await until('every copy to be done', async () => (await stage.queue.countUnfinished()) === 0)
    }))
})

/** Adds a job like a broken or hostile producer: any name, any data, no deduplication. */
async function addRaw({ queue }: Scenario, name: string, event: unknown): Promise<string> {
  const job = await queue.bull().add(name as typeof JOB_NAME, event as never, { jobId: randomUUID() })
  return job.id ?? ''
}

/** A job whose data is not JSON. */
async function addGarbage(stage: Scenario): Promise<void> {
  const jobId = await addRaw(stage, JOB_NAME, {})
  const { kind, client } = stage.queue.link
  if (kind === 'redis') {
    await (client as Redis).hset(`{auto-enroll}:${QUEUE_NAME}:${jobId}`, 'data', '{"v":1,"userId":"')
  } else {
    // Its column is jsonb, so garbage is JSON of the wrong shape.
    await stage.database.sql(`update bullmq.job set data = '"garbage"' where id = $1`, [jobId])
  }
}

async function addOddUsers({ database, queue }: Scenario): Promise<void> {
  await database.sql(
    `insert into "User" (id, email, name) select id, md5(id) || '@example.com', 'Odd' from unnest($1::text[]) id`,
    [ODD_IDS],
  )
  const occurredAt = new Date().toISOString()
  const queued = await queue.addMany(
    ODD_IDS.map((userId) => ({ v: 1, userId, source: 'credentials', occurredAt })),
  )
  expect(queued.length).toBe(ODD_IDS.length)
}
