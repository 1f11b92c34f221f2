import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { settingsSchema } from '../../config/settings.js'
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

/** Names in capitals that are not settings of ours, each with who reads it. */
const OTHERS = ['REDIS_URL', 'POSTGRES_PASSWORD', 'NODE_ENV', 'NODE_EXTRA_CA_CERTS', 'ON_ERROR_STOP']

describe.each(DOCUMENTS)('%s', (document) => {
  const text = readFileSync(document, 'utf8')

  it('names only npm scripts that exist', () => {
    const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name)
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
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
  const rows = [...readme.matchAll(/^\| `npm run ([\w:-]+)` \| .+ \| (.*)\|$/gm)].map(
    ([, name = '', flags = '']) => ({
      name,
      flags: flags.match(/--[\w-]+/g) ?? [],
    }),
  )

  it('has every command of package.json', () => {
    const commands = Object.entries(scripts).filter(([, line]) => /\bdist\/scripts\//.test(line))
    expect(rows.map(({ name }) => name).sort()).toEqual(commands.map(([name]) => name).sort())
  })

  it.each(rows)('has the flags that npm run $name -- --help tells', async ({ name, flags }) => {
    const { exitCode, stdout } = await runScript(name, ['--help'])
    expect(exitCode).toBe(0)
    const told = (stdout.match(/^ {2}--[\w-]+/gm) ?? []).map((flag) => flag.trim())
    expect(told).toEqual(expect.arrayContaining(['--json', '--help']))
    expect(told.filter((flag) => !['--json', '--help'].includes(flag)).sort()).toEqual([...flags].sort())
  })
})

it('shows in the README what the demo prints, but for times', async () => {
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

it('gives in the README no number that comes out of a measurement without the command that prints it', () => {
  expect(readme).not.toMatch(/\d[\d,.]* (?:jobs|users|events|sign-ups)(?: a second|\/s)/)
})

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
