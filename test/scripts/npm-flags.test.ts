import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openQueue } from '../../queue/open.js'
import { insertCourses, insertUsers } from '../support/application.js'
import { queuePlace, useDatabase } from '../support/servers.js'

const database = useDatabase()
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auto-enroll-npm-'))
  await insertCourses(database, 1)
  await insertUsers(database, 3)
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs npm itself, whose user has `npmrc` for a configuration file. */
async function npm(words: string, { npmrc = '', env = {} as Record<string, string> } = {}) {
  const userconfig = join(folder, 'npmrc')
  await writeFile(userconfig, npmrc)
  const { exitCode, stdout, stderr } = await execa('npm', ['--silent', ...words.split(' ')], {
    extendEnv: false,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      npm_config_userconfig: userconfig,
      npm_config_update_notifier: 'false',
      DATABASE_URL: database.url,
      QUEUE_URL: database.url,
      ...env,
    },
    stdin: 'ignore',
    reject: false,
  })
  return { exitCode, stdout, stderr }
}

async function unfinished(): Promise<number> {
  const place = queuePlace('postgres', database)
  const queue = openQueue({ ...place, timeoutMs: 5000, onError: () => undefined })
  return queue.countUnfinished().finally(() => queue.close())
}

describe('a flag that npm kept for itself', () => {
  it('is not lost: npm run backfill --dry-run queues nobody and says what to type', async () => {
    const ran = await npm('run backfill --dry-run')
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
    expect(ran.stderr).toMatch(/^npm took --dry-run for itself/)
    expect(ran.stderr).toMatch(/^ {2}npm run backfill -- --dry-run$/m)
    expect(await unfinished()).toBe(0)
  })

  it.each([
    ['run backfill --dryrun', 'npm run backfill -- --dry-run'],
    ['--dry-run run backfill', 'npm run backfill -- --dry-run'],
    ['run backfill --dry-run -- --max-pending 5', 'npm run backfill -- --max-pending 5 --dry-run'],
    ['run backfill --max-pending 5', 'npm run backfill -- --max-pending 5'],
    ['run explain somebody@example.com --json', 'npm run explain -- somebody@example.com --json'],
    ['run rollback --since 2026-01-19 --yes', 'npm run rollback -- --since 2026-01-19 --yes'],
    ['run rollback --since=2026-01-19 -- --yes', 'npm run rollback -- --yes --since 2026-01-19'],
    [
      'run rollback --since 2026-01-19 --until 2026-01-20',
      'npm run rollback -- --since <time> --until <time>',
    ],
    ['run retry-failed -y', 'npm run retry-failed -- --yes'],
    ['run retry-failed --per-second=9 --yes', 'npm run retry-failed -- --per-second 9 --yes'],
    ['exec auto-enroll retry-failed --cause x', 'npx auto-enroll retry-failed --cause x'],
  ])('makes npm %s exit 2 with %j', async (words, line) => {
    const ran = await npm(words)
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr.split('\n')).toContain(`  ${line}`)
  })

  it.each(['migrate', 'pause', 'retry-failed'])('stops %s, which cannot run dry at all', async (name) => {
    const ran = await npm(`run ${name} --dry-run`)
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
    expect(ran.stderr).toContain(`${name} has no --dry-run`)
  })
})

describe('a flag that npm passed on, or that nobody typed', () => {
  it.each([
    'run backfill -- --dry-run',
    'run backfill --dry-run -- --dry-run',
    'exec -- auto-enroll backfill --dry-run',
  ])('npm %s shows who would be enrolled', async (words) => {
    const ran = await npm(words)
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' })
    expect(ran.stdout).toContain('Nothing was queued.')
    expect(await unfinished()).toBe(0)
  })

  it.each([
    ['run verify', 'json=true'],
    ['run retry-failed', 'yes=true\njson=true'],
    ['run verify --no-dry-run', ''],
    ['run verify --json=false', ''],
    ['run retry-failed --no-yes', ''],
    ['exec --yes auto-enroll retry-failed', ''],
  ])('npm %s runs with %j in the .npmrc', async (words, npmrc) => {
    const ran = await npm(words, { npmrc })
    expect(ran.stderr).toBe('')
    expect(ran.stdout).toMatch(/^users|there is nothing to retry/)
  })

  it('cannot be told apart for a dry run, which is then refused', async () => {
    const ran = await npm('run backfill', { npmrc: 'dry-run=true' })
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain('npm config get dry-run')
  })

  it('is passed on by other package managers, whatever npm is configured to', async () => {
    const env = {
      npm_config_user_agent: 'pnpm/10.0.0 npm/? node/v20.19.0 linux x64',
      npm_lifecycle_event: 'verify',
      npm_command: 'run-script',
      npm_config_json: 'true',
      npm_config_dry_run: 'true',
    }
    const { exitCode, stdout } = await execa(process.execPath, ['dist/scripts/verify.js'], {
      env: { DATABASE_URL: database.url, ...env },
      reject: false,
    })
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringMatching(/^users/) })
  })
})
