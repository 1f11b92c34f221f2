import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Program {
  /** Its name on the command line. */
  name: string
  /** Debian's package. */
  debianPackage: string
  /** What needs it, and how to install it elsewhere. */
  howToInstall: string
}

/** Installs what is missing if it can (Debian or Ubuntu, as root); otherwise fails and says how to install it. */
export async function ensurePrograms(programs: readonly Program[]): Promise<void> {
  const missing = await absent(programs)
  if (missing.length === 0) return
  const instructions = missing.map((program) => program.howToInstall).join('\n')
  if (process.getuid?.() !== 0 || !(await onPath('apt-get'))) throw new Error(instructions)

  const packages = missing.map((program) => program.debianPackage)
  process.stderr.write(`installing ${packages.join(', ')} with apt-get …\n`)
  // RUNLEVEL=1 keeps packages from starting their servers.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  try {
    await run('apt-get', ['update', '-q'], { env, maxBuffer: Number.POSITIVE_INFINITY })
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
      env,
      maxBuffer: Number.POSITIVE_INFINITY,
    })
  } catch (error) {
    throw new Error(`apt-get could not install ${packages.join(', ')}.\n${instructions}`, { cause: error })
  }
  if ((await absent(missing)).length > 0) throw new Error(instructions)
}

async function absent(programs: readonly Program[]): Promise<Program[]> {
  const found = await Promise.all(programs.map((program) => onPath(program.name)))
  return programs.filter((_program, index) => !found[index])
}

async function onPath(program: string): Promise<boolean> {
  const tries = (process.env.PATH ?? '').split(delimiter).map((folder) => access(join(folder, program)))
  return (await Promise.allSettled(tries)).some((found) => found.status === 'fulfilled')
}
