import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

/** Who may import whom, as in CONTRIBUTING.md. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  config: [],
  db: ['config'],
  queue: ['config'],
  producers: ['queue', 'db', 'config'],
  worker: ['queue', 'db', 'config'],
  dashboard: ['queue', 'db', 'config'],
  scripts: ['producers', 'worker', 'dashboard', 'queue', 'db', 'config'],
}

const rooms = Object.keys(MAY_IMPORT).map((room) => ({ room, files: sourcesIn(room) }))
const files = rooms.flatMap((room) => room.files)
const imports = new Map(files.map((file) => [file, importsOf(file)]))

describe.each(rooms.filter((room) => room.files.length > 0))('$room/', ({ room, files }) => {
  it(`imports from no other room than ${MAY_IMPORT[room]?.join(', ') || 'none'}`, () => {
    const allowed = [room, ...(MAY_IMPORT[room] ?? [])]
    const strays = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => !allowed.includes(target.split('/')[0] ?? ''))
        .map((target) => `${file} imports ${target}`),
    )
    expect(strays).toEqual([])
  })
})

it('reads the environment and ends the process in scripts/ alone', () => {
  const offenders = files
    .filter((file) => !file.startsWith('scripts/'))
    .filter((file) => /\bprocess\.(env|argv|exit|exitCode|abort)\b/.test(readFileSync(file, 'utf8')))
  expect(offenders).toEqual([])
})

it('has no circular imports, however long', () => {
  expect(files.map((file) => circleFrom(file)).filter((circle) => circle !== undefined)).toEqual([])
})

it('is described in CONTRIBUTING.md as it is', () => {
  const contributing = readFileSync('CONTRIBUTING.md', 'utf8')
  for (const [room, below] of Object.entries(MAY_IMPORT)) {
    const written =
      { scripts: 'all below', config: 'nothing' }[room] ?? below.map((name) => `\`${name}\``).join(', ')
    expect(contributing).toMatch(new RegExp(`^\\| \`${room}/\` \\| .* \\| ${written} \\|$`, 'm'))
  }
})

function sourcesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** The files of this repository that a file imports or re-exports, from the root of the repository. */
function importsOf(file: string): string[] {
  const specifiers = readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)
  return [...specifiers].map(([, specifier = '']) =>
    relative('.', join(dirname(file), specifier)).replace(/\.js$/, '.ts'),
  )
}

/** The path from a file back to itself. Each file is visited once, or many imports would take forever. */
function circleFrom(start: string): string | undefined {
  const cameFrom = new Map<string, string>()
  const open = [start]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    for (const target of imports.get(file) ?? []) {
      if (target === start) return [...wayTo(file), start].join(' → ')
      if (cameFrom.has(target)) continue
      cameFrom.set(target, file)
      open.push(target)
    }
  }
  return undefined

  function wayTo(file: string): string[] {
    const before = file === start ? undefined : cameFrom.get(file)
    return before === undefined ? [file] : [...wayTo(before), file]
  }
}
