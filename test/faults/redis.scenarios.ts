import { Redis } from 'ioredis'
import { describe, it } from 'vitest'
import { addUsers } from './load.js'
import { startCluster, startSentinel } from './redis-groups.js'
import { play, type Scenario } from './scenario.js'

const AOF = ['--appendonly', 'yes', '--appendfsync', 'everysec']

describe.concurrent('Redis', () => {
  it('killed, and started again with its append-only file', (test) =>
    play(test, { redisFlags: AOF }, (stage) =>
      fault(stage, 4000, stage.redis.kill, async () => {
        await stage.redis.start()
      }),
    ))

  it('killed, and started again with nothing: the whole queue is gone', (test) =>
    play(test, {}, async (stage) => {
      await stage.queue.pause()
      await addUsers(stage, 200)
      await fault(stage, 2000, stage.redis.kill, stage.redis.start)
    }))

  it('FLUSHALL', (test) =>
    play(test, {}, async (stage) => {
      await stage.queue.pause()
      await addUsers(stage, 200)
      await fault(
        stage,
        0,
        () => tell(stage, 'flushall'),
        async () => undefined,
      )
    }))

  it('frozen for 20 s', (test) =>
    play(test, {}, (stage) =>
      fault(
        stage,
        20_000,
        async () => stage.redis.freeze(),
        async () => stage.redis.thaw(),
      ),
    ))

  it('out of memory under noeviction', (test) =>
    play(test, {}, (stage) =>
      fault(
        stage,
        6000,
        () => tell(stage, 'config', 'set', 'maxmemory', '1mb'),
        () => tell(stage, 'config', 'set', 'maxmemory', '0'),
      ),
    ))

  it('refusing connections because of maxclients', (test) =>
    play(test, {}, async (stage) => {
      const held = new Redis(stage.redis.url)
      await held.config('SET', 'maxclients', '1')
      await fault(
        stage,
        6000,
        () => held.call('client', 'kill', 'type', 'normal'),
        () => held.config('SET', 'maxclients', '10000'),
      )
      held.disconnect()
    }))

  it('a replica promoted through Sentinel', (test) =>
    play(test, { group: startSentinel }, (stage) => loseHolder(stage)))

  it('a Cluster master lost, its replica promoted', (test) =>
    play(test, { group: () => startCluster('{auto-enroll}') }, (stage) => loseHolder(stage)))
})

/** Breaks something under load, lets it be broken for a while, and mends it. */
async function fault(
  { during, faultEnds }: Scenario,
  lastsMs: number,
  begin: () => Promise<unknown>,
  end: () => Promise<unknown>,
): Promise<void> {
  await during(1500)
  await begin()
  await during(lastsMs)
  await end()
  faultEnds()
  await during(1500)
}

async function loseHolder({ group, during, faultEnds }: Scenario): Promise<void> {
  await during(1500)
  await group?.holder.kill()
  faultEnds()
  await during(6000)
}

async function tell({ redis }: Scenario, command: string, ...words: string[]): Promise<unknown> {
  const client = new Redis(redis.url)
  try {
    return await client.call(command, ...words)
  } finally {
    client.disconnect()
  }
}
