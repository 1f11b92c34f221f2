import { execa } from 'execa'
import { expect, inject, it, onTestFinished } from 'vitest'
import { insertCourses, insertUsers } from '../support/application.js'
import { codeBlocks } from '../support/readme.js'
import { useDatabase } from '../support/servers.js'

const database = useDatabase()

it('enrolls existing users when the README’s commands are run one after the other', async () => {
  await insertCourses(database, 2)
  await insertUsers(database, 5)
  const env = {
    DATABASE_URL: database.url,
    // Its own database in the suite's Redis, because the commands use the default prefix.
    QUEUE_URL: `${inject('redisUrl')}/6`,
    WORKER_HTTP_PORT: '0',
    RECONCILE_INTERVAL_MS: '0',
  }
  const run = (line: string) => execa('bash', ['-c', line], { env, reject: false, stdin: 'ignore' })

  const block = codeBlocks('bash').find((code) => code.includes('npm run doctor')) ?? ''
  const lines = block.trimEnd().split('\n')
  expect(lines.map((line) => line.split(/ {2,}#/)[0])).toEqual([
    'npm run doctor',
    'npm run backfill -- --dry-run',
    'npm run worker',
    'npm run backfill',
    'npm run verify',
  ])
  const [doctor = '', dryRun = '', worker = '', backfill = '', verify = ''] = lines

  expect(await run(doctor)).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('The worker can run, but no worker is connected and 5 users wait.'),
  })
  expect(await run(dryRun)).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/5 users.*10/s) })
  expect(await run(verify)).toMatchObject({ exitCode: 1 })
  const running = run(worker)
  onTestFinished(() => void running.kill('SIGKILL'))
  expect(await run(backfill)).toMatchObject({ exitCode: 0 })
  await expect.poll(async () => (await run(verify)).exitCode, { timeout: 30_000 }).toBe(0)
  running.kill('SIGTERM')
  expect(await running).toMatchObject({ exitCode: 0 })
}, 90_000)
