import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll } from 'vitest'
import { codeBlocks } from './readme.js'

/** An application that has installed the package as the README says: packed from a checkout next to it. */
export interface PackedApplication {
  readonly folder: string
  /** Paths of the installed package. */
  readonly files: readonly string[]
  write(name: string, text: string): Promise<void>
  /** Compiles TypeScript files with strict settings; resolves with the compiler's errors. */
  compile(names: readonly string[], options?: Record<string, unknown>): Promise<string>
}

const INSTALL_TIMEOUT_MS = 300_000

/** Packs and installs once for the test file. `alongside` are packages of this repository that the application also has. */
export function usePackedApplication({ alongside }: { alongside: readonly string[] }): PackedApplication {
  let parent = ''
  let folder = ''
  let files: readonly string[] = []

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'auto-enroll-packed-'))
    folder = join(parent, 'application')
    await mkdir(folder)
    await symlink(resolve('.'), join(parent, 'auto-enroll'), 'dir')
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    await execa('bash', ['-c', installLine()], { cwd: folder, env: NPM_SETTINGS })
    files = await filesIn(join(folder, 'node_modules', 'auto-enroll'))
    for (const name of alongside) await linkPackage(folder, name)
  }, INSTALL_TIMEOUT_MS)

  afterAll(() => rm(parent, { recursive: true, force: true }))

  return {
    get folder() {
      return folder
    },
    get files() {
      return files
    },
    write: (name, text) => writeFile(join(folder, name), text),
    async compile(names, options = {}) {
      const compilerOptions = { ...STRICT, ...options }
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: names }))
      const { stdout } = await execa(resolve('node_modules/.bin/tsc'), ['-p', folder], { reject: false })
      return stdout
    },
  }
}

const NPM_SETTINGS = {
  // Scripts would build, while other tests run from what is built.
  npm_config_ignore_scripts: 'true',
  npm_config_prefer_offline: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
}

/** The README's first command. */
function installLine(): string {
  const [line = ''] = codeBlocks('bash')
  if (!line.startsWith('npm install ')) throw new Error(`the README begins with another command: ${line}`)
  return line
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
}

const STRICT = {
  target: 'es2023',
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  types: ['node'],
}

async function linkPackage(folder: string, name: string): Promise<void> {
  const target = join(folder, 'node_modules', name)
  await mkdir(dirname(target), { recursive: true })
  await rm(target, { recursive: true, force: true })
  await symlink(resolve('node_modules', name), target, 'dir')
}
