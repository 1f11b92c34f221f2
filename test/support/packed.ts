import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll } from 'vitest'

/** An application of its own that has installed the package as users do: from the packed tarball, with npm. */
export interface PackedApplication {
  readonly folder: string
  /** Paths in the tarball. */
  readonly files: readonly string[]
  write(name: string, text: string): Promise<void>
  /** Compiles TypeScript files with strict settings; resolves with what the compiler complains of. */
  compile(names: readonly string[], options?: Record<string, unknown>): Promise<string>
}

const INSTALL_TIMEOUT_MS = 300_000

/** Packs and installs once for the test file. `alongside` are packages of this repository that the application has too. */
export function usePackedApplication({ alongside }: { alongside: readonly string[] }): PackedApplication {
  let folder = ''
  let files: readonly string[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'auto-enroll-packed-'))
    // Without scripts: they would build, and other tests are running from what is built.
    const { stdout } = await execa('npm', [
      'pack',
      '--ignore-scripts',
      '--json',
      '--pack-destination',
      folder,
    ])
    const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
    files = packed.files.map(({ path }) => path)
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    await execa(
      'npm',
      [
        'install',
        join(folder, packed.filename),
        '--ignore-scripts',
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
      ],
      { cwd: folder },
    )
    for (const name of alongside) await linkPackage(folder, name)
  }, INSTALL_TIMEOUT_MS)

  afterAll(() => rm(folder, { recursive: true, force: true }))

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
