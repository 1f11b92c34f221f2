import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { settingsSchema } from '../../config/settings-schema.js'
import { runScript } from '../support/process.js'
import { codeBlocks } from '../support/readme.js'

const DOCUMENTS = readdirSync('.', { recursive: false, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .concat(
    existsSync('docs')
      ? readdirSync('docs')
          .filter((name) => name.endsWith('.md'))
          .map((name) => join('docs', name))
      : [],
  )

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
const readme = readFileSync('README.md', 'utf8')

/** Variables that other programs read, and former names of settings that are still read. */
const OTHERS = [
  'REDIS_URL',
  'POSTGRES_PASSWORD',
  'NODE_ENV',
  'NODE_EXTRA_CA_CERTS',
  'ON_ERROR_STOP',
  'DASHBOARD_PROXY_ADDRESSES',
]

const commandRows = [...readme.matchAll(/^\| `npm run ([\w:-]+)` \| .+ \| (.*)\|$/gm)].map(
  ([, name = '', flags = '']) => ({ name, flags: flags.match(/--[\w-]+/g) ?? [] }),
)
/** Flags by command. A test below compares them with `--help`; the others are not in the README's table. */
const flagsOf = new Map<string, string[]>([
  ...commandRows.map(({ name, flags }) => [name, flags] as const),
  ['bench', ['--quick']],
  ['test:soak', ['--minutes']],
])
const FLAGS_OF_ALL = ['--json', '--help']

/** Everything in the code that is called `auto_enroll_…`: metrics, roles, schemas. */
const databaseNames = new Set(
  ['config', 'db', 'producers', 'queue', 'scripts', 'worker', 'dashboard'].flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|sql)$/.test(name))
      .flatMap((name) => readFileSync(join(room, name), 'utf8').match(/\bauto_enroll_[a-z_]+[a-z]/g) ?? []),
  ),
)

describe.each(DOCUMENTS)('%s', (document) => {
  const text = readFileSync(document, 'utf8')

  it('names only npm scripts that exist', () => {
    const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name)
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
  })

  it('names only commands and flags that exist', () => {
    const lines = text.matchAll(/\b(?:npm run|npx auto-enroll) ([a-z][\w-]*)((?: [^`\n#|;&)]*)?)/g)
    const unknown = [...lines].flatMap(([line, name = '', rest = '']) => {
      const flags = flagsOf.get(name)
      if (line.startsWith('npx') && flags === undefined) return [line]
      const named = rest.match(/(?<= )--[a-z][\w-]*/g) ?? []
      return named.filter((flag) => ![...(flags ?? []), ...FLAGS_OF_ALL].includes(flag)).map(() => line)
    })
    expect(unknown).toEqual([])
  })

  it('names only metrics, tables and roles that exist', () => {
    const named = text.match(/\bauto_enroll_[a-z_]+[a-z]/g) ?? []
    expect(named.filter((name) => !databaseNames.has(name))).toEqual([])
  })

  it('names only settings that exist', () => {
    const named = text.match(/(?<![\w"$])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w*])/g) ?? []
    const known = [...Object.keys(settingsSchema.shape), ...OTHERS]
    expect(named.filter((name) => !known.includes(name))).toEqual([])
  })

  it('links only to files and headings that exist', () => {
    const targets = [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, target = '']) => target)
    const broken = targets.filter((target) => {
      const [path = '', heading] = target.split('#')
      const file = path === '' ? document : join(dirname(document), path)
      return !existsSync(file) || (heading !== undefined && !headingsOf(file).includes(heading))
    })
    expect(broken).toEqual([])
  })

  it('names only files that exist', () => {
    const named = [
      ...text.matchAll(/`((?:config|db|queue|producers|worker|dashboard|scripts|test|bench)\/[\w./-]+)`/g),
    ]
    expect(named.map(([, path = '']) => path).filter((path) => !existsSync(path))).toEqual([])
  })
})

describe('the README’s table of commands', () => {
  it('has every command of package.json', () => {
    const commands = Object.entries(scripts).filter(([, line]) => /\bdist\/scripts\//.test(line))
    expect(commandRows.map(({ name }) => name).sort()).toEqual(commands.map(([name]) => name).sort())
  })

  it.each(commandRows)('has the flags that npm run $name -- --help lists', async ({ name, flags }) => {
    const { exitCode, stdout } = await runScript(name, ['--help'])
    expect(exitCode).toBe(0)
    const listed = (stdout.match(/^ {2}--[\w-]+/gm) ?? []).map((flag) => flag.trim())
    expect(listed).toEqual(expect.arrayContaining(FLAGS_OF_ALL))
    expect(listed.filter((flag) => !FLAGS_OF_ALL.includes(flag)).sort()).toEqual([...flags].sort())
  })
})

it('shows in the README what the demo prints, except for times', async () => {
  const shown = codeBlocks('').find((block) => block.startsWith('✓'))
  const { exitCode, stdout } = await execa(process.execPath, ['dist/scripts/demo.js', '--once'], {
    extendEnv: false,
    env: { PATH: process.env.PATH },
    reject: false,
  })
  expect(exitCode, stdout).toBe(0)
  const printed = stdout.split('\n').filter((line) => line.startsWith('✓'))
  expect(
    printed.map((line) => line.replaceAll(/\d+(?= ms)|(?<=(hashing|publishing) )\d+/g, '…')).join('\n'),
  ).toBe(shown?.trimEnd())
}, 100_000)

function headingsOf(file: string): string[] {
  const headings = readFileSync(file, 'utf8').match(/^#+ .+$/gm) ?? []
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}
