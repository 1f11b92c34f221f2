import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { breakFor } from './breaking.js'
import { runAdminCommand } from './commands.js'
import { addUsers } from './load.js'
import { startCluster, startSentinel } from './redis-groups.js'
import { play, type Scenario } from './scenario.js'

const AOF = ['--appendonly', 'yes', '--appendfsync', 'everysec']

describe.concurrent('Redis', () => {
  it('killed, and started again with its append-only file', (test) =>
    play(test, { redisFlags: AOF }, (stage) =>
      breakFor(stage, { begin: stage.redis.kill, lastsMs: 4000, end: stage.redis.start }),
    ))

  it('killed, and started again with nothing: the whole queue is gone', (test) =>
    play(test, {}, async (stage) => {
      await stage.queue.pause()
      await addUsers(stage, 200)
      await breakFor(stage, { begin: stage.redis.kill, lastsMs: 2000, end: stage.redis.start })
    }))

  it('FLUSHALL', (test) =>
    play(test, {}, async (stage) => {
      await stage.queue.pause()
      await addUsers(stage, 200)
      await breakFor(stage, { begin: () => runOnRedis(stage, 'flushall'), lastsMs: 0, end: () => undefined })
    }))

  it('loses everything while operators have paused the queue: nobody is enrolled until they resume it', (test) =>
    play(test, { workers: 2 }, async (stage) => {
      const { adminEnv, database } = stage
      const enrolled = () => database.sql('select count(*)::int as count from "Enrollment"')
      expect((await runAdminCommand('pause', adminEnv)).exitCode).toBe(0)
      await stage.during(3000)
      const before = await enrolled()
      await breakFor(stage, { begin: stage.redis.kill, lastsMs: 2000, end: stage.redis.start })
      await addUsers(stage, 100)
      await stage.during(5000)
      expect(await enrolled()).toEqual(before)
      expect((await runAdminCommand('resume', adminEnv)).exitCode).toBe(0)
      stage.faultEnds()
    }))

  it('loses only the list of waiting jobs', (test) =>
    play(test, {}, async (stage) => {
      await stage.queue.pause()
      await addUsers(stage, 200)
      const begin = async () => {
        await runOnRedis(stage, 'del', '{auto-enroll}:user-created:wait')
        await stage.queue.resume()
      }
      await breakFor(stage, { begin, lastsMs: 0, end: () => undefined })
    }))

  it('frozen for 20 s', (test) =>
    play(test, {}, (stage) =>
      breakFor(stage, { begin: stage.redis.freeze, lastsMs: 20_000, end: stage.redis.thaw }),
    ))

  it('out of memory under noeviction', (test) =>
    play(test, {}, (stage) =>
      breakFor(stage, {
        begin: () => runOnRedis(stage, 'config', 'set', 'maxmemory', '1mb'),
        lastsMs: 6000,
        end: () => runOnRedis(stage, 'config', 'set', 'maxmemory', '0'),
      }),
    ))

  it('refusing connections because of maxclients', (test) =>
    play(test, {}, async (stage) => {
      const held = new Redis(stage.redis.url)
      await held.config('SET', 'maxclients', '1')
      await breakFor(stage, {
        begin: () => held.call('client', 'kill', 'type', 'normal'),
        lastsMs: 6000,
        end: () => held.config('SET', 'maxclients', '10000'),
      })
      held.disconnect()
    }))

  it('a replica promoted through Sentinel', (test) =>
    play(test, { group: startSentinel }, (stage) => loseHolder(stage)))

  it('a Cluster master lost, its replica promoted', (test) =>
    play(test, { group: () => startCluster('{auto-enroll}') }, (stage) => loseHolder(stage)))
})

async function loseHolder({ group, during, faultEnds }: Scenario): Promise<void> {
  await during(1500)
  await group?.holder.kill()
  faultEnds()
  await during(6000)
}

async function runOnRedis({ redis }: Scenario, name: string, ...words: string[]): Promise<unknown> {
  const client = new Redis(redis.url)
  try {
    return await client.call(name, ...words)
  } finally {
    client.disconnect()
  }
}
