import { readFileSync } from 'node:fs'
import { execa } from 'execa'
import { describe, expect, inject, it } from 'vitest'
import { runScript } from '../support/process.js'

const COMMANDS: Record<string, readonly string[]> = {
  worker: [],
  migrate: ['--adopt-queue'],
  backfill: ['--dry-run', '--max-pending <jobs>'],
  verify: [],
  rollback: ['--since <time>', '--until <time>', '--yes'],
  pause: [],
  resume: [],
  doctor: [],
  dashboard: [],
  explain: [],
  'retry-failed': ['--cause <id>', '--per-second <jobs>', '--yes'],
  audit: ['--limit <entries>'],
}
const SINCE = ['--since', '2026-01-19']

describe.each(Object.entries(COMMANDS))('npm run %s', (name, flags) => {
  const needed = { rollback: SINCE, explain: ['somebody'] }[name] ?? []

  it('shows its flags with --help and exits 0, whatever the settings', async () => {
    const ran = await runScript(name, ['--help'], { LOG_LEVEL: 'nonsense' })
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' })
    for (const flag of [...flags, '--json', '--help']) expect(ran.stdout).toContain(`  ${flag} `)
    expect(ran.stdout.match(/^ {2}--[a-z-]+/gm)).toHaveLength(flags.length + 2)
  })

  it('exits 2 without its settings, as one JSON document where that is asked for', async () => {
    const ran = await runScript(name, [...needed, '--json'])
    expect(ran).toMatchObject({ exitCode: 2, stderr: '' })
    expect(JSON.parse(ran.stdout)).toEqual({
      error: expect.stringMatching(/(DATABASE|QUEUE)_URL is not set/),
    })
  })
})

describe('wrong flags exit 2 and say what was expected', () => {
  it.each([
    ['verify', ['--nonsense'], "unknown option '--nonsense'\nSee npm run verify -- --help"],
    ['verify', ['extra'], 'too many arguments'],
    ['backfill', ['--max-pending', '0'], '--max-pending takes a whole number of 1 or more'],
    ['rollback', [], "required option '--since <time>' not specified"],
    ['rollback', ['--since', 'yesterday'], '--since takes an ISO 8601 time'],
    [
      'rollback',
      [...SINCE, '--until', '2026-01-18T23:59Z'],
      '(2026-01-18T23:59:00.000Z) must be after --since',
    ],
  ])('%s %j', async (name, flags, words) => {
    const url = inject('postgresUrl')
    const ran = await runScript(name, flags, { DATABASE_URL: url, QUEUE_URL: url })
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
    expect(ran.stderr).toContain(words)
  })
})

it('names every wrong setting at once, and no password', async () => {
  const ran = await runScript('worker', [], {
    DATABASE_URL: 'mysql://me:hush@db/app',
    QUEUE_URL: 'redis://:hush@one,two',
    WORKER_CONCURRENCY: 'lots',
  })
  expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
  expect(ran.stderr).toMatch(/^3 settings are wrong:/)
  for (const name of ['DATABASE_URL', 'QUEUE_URL', 'WORKER_CONCURRENCY'])
    expect(ran.stderr).toContain(`  ${name}: `)
  expect(ran.stderr).not.toContain('hush')
})

describe('auto-enroll', () => {
  const autoEnroll = (...flags: string[]) => runScript('auto-enroll', flags)
  const { version, scripts, bin } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    version: string
    scripts: Record<string, string>
    bin: Record<string, string>
  }

  it('lists the commands with what they do, with --help and without anything', async () => {
    const [help, bare] = await Promise.all([autoEnroll('--help'), autoEnroll()])
    expect(help).toMatchObject({ exitCode: 0, stderr: '' })
    expect(bare.stdout).toBe(help.stdout)
    const listed = [...help.stdout.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name]) => name)
    const shipped = Object.keys(scripts).filter((name) => scripts[name]?.endsWith(`dist/scripts/${name}.js`))
    expect(listed.length).toBeGreaterThan(8)
    expect(shipped).toEqual(expect.arrayContaining(listed))
    expect(help.stdout).toMatch(/^ {2}verify +Counts users with and without an enrollment, and duplicates$/m)
    expect(help.stdout).not.toContain('undefined')
  })

  it('shows its version', async () => {
    expect(await autoEnroll('--version')).toMatchObject({ exitCode: 0, stdout: version })
  })

  it('runs a command, and calls it as it was called', async () => {
    const [help, unset] = await Promise.all([autoEnroll('rollback', '--help'), autoEnroll('verify')])
    expect(help).toMatchObject({ exitCode: 0 })
    expect(help.stdout).toMatch(/^Usage: auto-enroll rollback \[options\]/)
    expect(unset).toMatchObject({ exitCode: 2 })
    expect(unset.stderr).toContain('See auto-enroll verify --help')
  })

  it('exits 2 for a command that there is not', async () => {
    const ran = await autoEnroll('enroll-me')
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
    expect(ran.stderr).toContain('There is no command "enroll-me".')
  })

  it('is an executable of the package', async () => {
    expect(readFileSync(bin['auto-enroll'] ?? '', 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  })
})

it('npm run -s verify -- --json prints one JSON document', async () => {
  const { stdout, exitCode } = await execa('npm', ['run', '-s', 'verify', '--', '--json'], {
    env: { DATABASE_URL: 'postgres://127.0.0.1:1/app' },
    reject: false,
  })
  expect(exitCode).toBe(1)
  expect(JSON.parse(stdout)).toEqual({ error: expect.stringContaining('ECONNREFUSED') })
})
