import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The folder of the helper that auto-enroll replaces. It has its own packages, which nothing else needs. */
export const ORIGINAL_DESIGN = fileURLToPath(new URL('../../bench/original-design/', import.meta.url))

/**
 * Installs those packages, once.
 *
 * @throws {Error} when npm cannot reach its registry
 */
export async function prepareOriginalDesign(progress: (what: string) => void): Promise<void> {
  if (existsSync(`${ORIGINAL_DESIGN}node_modules/.prisma/client/index.js`)) return
  progress('installing the packages of the original design, once')
  // We do not need the engine that Prisma would download; pointing it at any existing program prevents that.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath }
  const run = (...args: string[]) => promisify(execFile)('npm', args, { cwd: ORIGINAL_DESIGN, env })
  await run('ci', '--ignore-scripts', '--no-audit', '--no-fund')
  await run('exec', '--', 'prisma', 'generate')
}
