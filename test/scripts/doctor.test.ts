import { describe, expect, inject, it } from 'vitest'
import { judgeClocks } from '../../scripts/doctor/clock.js'
import { runScript } from '../support/process.js'
import { startRelay } from '../support/relay.js'
import { useDatabase } from '../support/servers.js'

const database = useDatabase()

describe('npm run doctor', () => {
  it('prints one line a check and exits 0 with warnings', async () => {
    const ran = await runScript('doctor', [], { DATABASE_URL: database.url, QUEUE_URL: inject('redisUrl') })
    const lines = ran.stdout.split('\n')
    expect(lines.slice(0, -1).every((line) => /^[✓!] [\w:-]+( \w+)? +\S/.test(line))).toBe(true)
    expect(lines).toContainEqual(expect.stringMatching(/^! courses +no course is published → publish one/))
    expect(lines.at(-1)).toMatch(/^The worker can run, but no worker is connected\. \(\d+ !\)$/)
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' })
  })

  it('exits 1 when the worker could not run', async () => {
    const ran = await runScript('doctor', [], {
      DATABASE_URL: 'postgres://127.0.0.1:1/app',
      QUEUE_URL: database.url,
    })
    expect(ran.stdout).toMatch(/^✗ database +127\.0\.0\.1:1\/app cannot be used/m)
    expect(ran).toMatchObject({ exitCode: 1, stderr: '' })
  })

  it('ends soon although neither server ever answers', async () => {
    const silent = await startRelay(undefined)
    try {
      const ran = await runScript('doctor', ['--json'], {
        DATABASE_URL: `postgres://someone@127.0.0.1:${silent.port}/app`,
        QUEUE_URL: `redis://127.0.0.1:${silent.port}`,
      })
      expect(ran.durationMs).toBeLessThan(15_000)
      expect(ran.exitCode).toBe(1)
      expect(JSON.parse(ran.stdout)).toMatchObject({
        ok: false,
        checks: [
          { name: 'settings', status: 'ok' },
          { name: 'database', status: 'failed', message: expect.stringContaining('no answer within') },
          { name: 'queue', status: 'failed', message: expect.stringContaining('no answer within') },
        ],
      })
    } finally {
      await silent.close()
    }
  })

  it('does not wait for a table that somebody has locked', async () => {
    await database.sql('begin; lock table "Enrollment"')
    try {
      const ran = await runScript('doctor', [], {
        DATABASE_URL: database.url,
        QUEUE_URL: inject('redisUrl'),
      })
      expect(ran.stdout).toMatch(/^! enrollment +could not be asked: no answer within/m)
      expect(ran.durationMs).toBeLessThan(15_000)
      expect(ran.exitCode).toBe(0)
    } finally {
      await database.sql('rollback')
    }
  })

  it('notices that the clock of this machine is apart', async () => {
    const ahead = 'const now = Date.now; Date.now = () => now() + 8000'
    const ran = await runScript('doctor', [], {
      DATABASE_URL: database.url,
      QUEUE_URL: inject('redisUrl'),
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(ahead)}`,
    })
    expect(ran.stdout).toMatch(/^! clock +this machine is (7\.9|8\.\d) s ahead of (Redis|Postgres)/m)
    expect(ran.exitCode).toBe(0)
  })
})

describe('the judgement of clocks', () => {
  const reading = (of: string, aheadMs: number, uncertaintyMs = 1) => ({ of, aheadMs, uncertaintyMs })

  it('compares the servers with each other too', () => {
    expect(judgeClocks([reading('Postgres', -3000), reading('Redis', 3000)])).toMatchObject([
      { status: 'warning', message: 'Redis is 6.0 s ahead of Postgres' },
    ])
  })

  it('tolerates five seconds, and what slow answers leave open', () => {
    expect(judgeClocks([reading('Postgres', 4900), reading('Redis', 0)])).toMatchObject([{ status: 'ok' }])
    expect(judgeClocks([reading('Redis', 5500, 900)])).toMatchObject([{ status: 'ok' }])
    expect(judgeClocks([reading('Redis', 5500, 100)])).toMatchObject([{ status: 'warning' }])
  })
})
