import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { complaintsOfDoctor } from '../support/doctor.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { startRelay } from '../support/relay.js'
import { useDatabase } from '../support/servers.js'

const database = useDatabase()
beforeAll(() => database.sql(`insert into "Course" (id, title, "isPublished") values ('c', 'C', true)`))

function complaints(queueUrl: string, env: Record<string, string> = {}) {
  return complaintsOfDoctor({ DATABASE_URL: database.url, QUEUE_URL: queueUrl, ...env })
}

describe('doctor, of a queue on Redis', () => {
  let server: RedisServer
  let redis: Redis

  beforeAll(async () => {
    server = await startRedis({ flags: ['--appendonly', 'yes'] })
    redis = new Redis(server.url)
  })
  afterAll(async () => {
    redis.disconnect()
    await server.stop()
  })
  afterEach(async () => {
    await redis.config('SET', 'maxmemory-policy', 'noeviction')
    await redis.config('SET', 'appendonly', 'yes')
    await redis.replicaof('NO', 'ONE')
  })

  it('finds nothing wrong with one that keeps an append-only file and evicts nothing', async () => {
    expect(await complaints(server.url)).toEqual({ ok: true, complaints: [] })
  })

  it('explains one that is away and never prints the password', async () => {
    const found = await complaints('redis://:hush@127.0.0.1:1')
    expect(found).toEqual({
      ok: false,
      complaints: [
        expect.stringMatching(/^✗ queue: 127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED.* → check QUEUE_URL/),
      ],
    })
    expect(JSON.stringify(found)).not.toContain('hush')
  })

  it('does not wait for one that is frozen', async () => {
    server.freeze()
    try {
      expect(await complaints(server.url)).toEqual({
        ok: false,
        complaints: [expect.stringMatching(/^✗ queue: .*no answer within/)],
      })
    } finally {
      server.thaw()
    }
  })

  it('fails one that is older than 6.2', async () => {
    const { version } = Object.fromEntries(
      [...(await redis.info('server')).matchAll(/^redis_(version):(.*)\r$/gm)].map(([, key, value]) => [
        key,
        value,
      ]),
    )
    const older = '6.1.'.padEnd(String(version).length, '9')
    const relay = await startRelay(server.port, (answer) =>
      answer.replace(`redis_version:${version}`, `redis_version:${older}`),
    )
    try {
      expect(await complaints(`redis://127.0.0.1:${relay.port}`)).toEqual({
        ok: false,
        complaints: [
          `✗ redis-version: Redis ${older} is older than 6.2 → upgrade it: what the queue relies on is missing there`,
        ],
      })
    } finally {
      await relay.close()
    }
  })

  it('warns of an eviction policy that drops jobs', async () => {
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await complaints(server.url)).toEqual({
      ok: true,
      complaints: [
        expect.stringMatching(
          /^! eviction: maxmemory-policy is allkeys-lru.* → CONFIG SET maxmemory-policy noeviction/,
        ),
      ],
    })
  })

  it('warns of missing persistence and says what would be lost', async () => {
    await redis.config('SET', 'appendonly', 'no')
    expect(await complaints(server.url)).toEqual({
      ok: true,
      complaints: [
        expect.stringMatching(
          /^! persistence: no append-only file: .*loses the jobs.* → CONFIG SET appendonly yes/,
        ),
      ],
    })
  })

  it('fails a replica, which accepts no writes', async () => {
    await redis.replicaof('127.0.0.1', '1')
    const { ok, complaints: found } = await complaints(server.url)
    expect({ ok, found }).toEqual({
      ok: false,
      found: [expect.stringMatching(/^✗ redis-writes: .* is a replica/)],
    })
  })

  it('fails a server that is out of memory, because it accepts no events', async () => {
    await redis.config('SET', 'maxmemory', '100kb')
    try {
      const { ok, complaints: found } = await complaints(server.url)
      expect({ ok, found }).toEqual({
        ok: false,
        found: [expect.stringMatching(/^✗ redis-writes: .* is out of memory .* → raise maxmemory/)],
      })
    } finally {
      await redis.config('SET', 'maxmemory', '0')
    }
  })

  it('needs no CONFIG, which managed servers forbid', async () => {
    await redis.acl('SETUSER', 'managed', 'on', '>secret', '~*', '&*', '+@all', '-config')
    expect(await complaints(`redis://managed:secret@127.0.0.1:${server.port}`)).toEqual({
      ok: true,
      complaints: [],
    })
  })

  it('names what a server does not show', async () => {
    const relay = await startRelay(server.port, (answer) =>
      answer.replace('maxmemory_policy:', 'xaxmemory_policy:').replace('aof_enabled:', 'xof_enabled:'),
    )
    try {
      const { ok, complaints: found } = await complaints(`redis://127.0.0.1:${relay.port}`)
      expect({ ok, found }).toEqual({
        ok: true,
        found: [
          expect.stringMatching(/^! eviction: .* does not show its maxmemory-policy/),
          expect.stringMatching(/^! persistence: .* does not show/),
        ],
      })
    } finally {
      await relay.close()
    }
  })

  it('fails a user who may not do what the queue does', async () => {
    await redis.acl('SETUSER', 'nobody', 'on', '>secret', '~other*', '+@all', '-info')
    expect(await complaints(`redis://nobody:secret@127.0.0.1:${server.port}`)).toEqual({
      ok: false,
      complaints: [expect.stringMatching(/^✗ queue: .*NOPERM/)],
    })
  })

  it('notices a clock that is apart', async () => {
    const relay = await startRelay(server.port, (answer) =>
      answer.replace(/^(\*2\r\n\$10\r\n)(\d{10})/, (_all, head, seconds) => `${head}${Number(seconds) + 7}`),
    )
    try {
      expect(await complaints(`redis://127.0.0.1:${relay.port}`)).toEqual({
        ok: true,
        complaints: [
          expect.stringMatching(
            /^! clock: Redis is (6\.9|7\.\d) s ahead of (this machine|Postgres) → let NTP/,
          ),
        ],
      })
    } finally {
      await relay.close()
    }
  })
})

describe('doctor, of a queue on Postgres', () => {
  it('finds nothing wrong once it is migrated', async () => {
    expect(await complaints(database.url)).toEqual({ ok: true, complaints: [] })
  })

  it('asks for npm run migrate while its schema is missing', async () => {
    expect(await complaints(database.url, { QUEUE_PREFIX: 'elsewhere' })).toEqual({
      ok: false,
      complaints: ['✗ queue-schema: the queue\'s schema "bullmq_elsewhere" is missing → npm run migrate'],
    })
  })

  it('asks for npm run migrate while its schema is of an older version', async () => {
    await database.sql(`
      create schema bullmq_older;
      create table bullmq_older.migration as select * from bullmq.migration where version = 1
    `)
    expect(await complaints(database.url, { QUEUE_PREFIX: 'older' })).toEqual({
      ok: false,
      complaints: ['✗ queue-schema: the queue\'s schema "bullmq_older" is outdated → npm run migrate'],
    })
  })

  it('fails a role that may not use it', async () => {
    await database.sql(`
      do $$ begin
        create role doctor_stranger login password 'secret';
      exception when duplicate_object then null; end $$
    `)
    const url = Object.assign(new URL(database.url), { username: 'doctor_stranger', password: 'secret' }).href
    expect(await complaints(url)).toEqual({
      ok: false,
      complaints: [
        expect.stringMatching(/^✗ queue-schema: this role may not .* → GRANT USAGE ON SCHEMA "bullmq"/),
      ],
    })
  })
})
