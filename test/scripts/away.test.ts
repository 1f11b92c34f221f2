import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { runScript } from '../support/process.js'
import { startRedis } from '../support/redis-server.js'
import { type Relay, startRelay } from '../support/relay.js'
import { useDatabase } from '../support/servers.js'

const database = useDatabase()
let silent: Relay

beforeAll(async () => {
  await database.sql(`insert into "Course" (id, title, "isPublished") values ('c', 'C', true)`)
  await database.sql(`insert into "User" (id, email, name) values ('u', 'u@example.com', 'U')`)
  silent = await startRelay(undefined)
})
afterAll(() => silent.close())

/** One line that says who is away, no stack trace, no password, no hang. */
async function expectOneLine(
  commands: readonly (readonly [string, ...string[]])[],
  env: Record<string, string>,
  line: RegExp,
): Promise<void> {
  const ended = await Promise.all(commands.map(([name, ...flags]) => runScript(name, flags, env)))
  for (const [index, { exitCode, stdout, stderr, durationMs }] of ended.entries()) {
    const name = commands[index]?.[0]
    expect({ name, exitCode, stdout, stderr }).toEqual({
      name,
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(line),
    })
    expect(stderr).not.toContain('hush')
    expect(durationMs).toBeLessThan(20_000)
  }
}

describe('a command whose server is away', () => {
  const refused = /^connect ECONNREFUSED 127\.0\.0\.1:1; npm run doctor says what to do$/
  const unanswered = /^(the queue|Postgres) does not answer \(ETIMEDOUT\); npm run doctor says what to do$/

  it.each([
    ['redis', 'redis://:hush@127.0.0.1:1'],
    ['postgres', 'postgres://me:hush@127.0.0.1:1/queue'],
  ])('says so of a queue on %s that refuses connections', async (_backend, url) => {
    const commands = [['backfill'], ['rollback', '--since', '2026-01-19', '--yes'], ['pause']] as const
    await expectOneLine(commands, { DATABASE_URL: database.url, QUEUE_URL: url }, refused)
  })

  it.each([
    ['redis', (port: number) => `redis://:hush@127.0.0.1:${port}`],
    ['postgres', (port: number) => `postgres://me:hush@127.0.0.1:${port}/queue`],
  ])('says so of a queue on %s that never answers', async (_backend, urlOf) => {
    const env = { DATABASE_URL: database.url, QUEUE_URL: urlOf(silent.port) }
    await expectOneLine([['backfill'], ['pause']], env, unanswered)
  })

  it('says so of a database that refuses connections', async () => {
    const env = { DATABASE_URL: 'postgres://me:hush@127.0.0.1:1/app', QUEUE_URL: database.url }
    await expectOneLine([['migrate'], ['verify']], env, refused)
  })

  it('says so of a database that never answers', async () => {
    const env = { DATABASE_URL: `postgres://me:hush@127.0.0.1:${silent.port}/app`, QUEUE_URL: database.url }
    await expectOneLine([['verify']], env, unanswered)
  })

  it('says so of a queue on a replica, which refuses writes', async () => {
    const redis = await startRedis({ flags: ['--replicaof', '127.0.0.1', '1'] })
    onTestFinished(() => redis.stop())
    const env = { DATABASE_URL: database.url, QUEUE_URL: redis.url }
    await expectOneLine(
      [['pause']],
      env,
      /^the queue is on a Redis that refuses writes: a replica \(READONLY\); npm run doctor/,
    )
  })

  it('says so of a queue that never answers to migrate', async () => {
    const env = { DATABASE_URL: database.url, QUEUE_URL: `postgres://me:hush@127.0.0.1:${silent.port}/queue` }
    await expectOneLine([['migrate']], env, unanswered)
  })
})
