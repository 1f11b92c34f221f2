import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The folder of the helper that auto-enroll replaces; it has packages of its own, which nothing else needs. */
export const ORIGINAL_DESIGN = fileURLToPath(new URL('../../bench/original-design/', import.meta.url))

/**
 * Installs those packages, once.
 *
 * @throws {Error} when npm does not reach its registry
 */
export async function prepareOriginalDesign(tell: (what: string) => void): Promise<void> {
  if (existsSync(`${ORIGINAL_DESIGN}node_modules/.prisma/client/index.js`)) return
  tell('installing the packages of the original design, once')
  // Nothing here needs the engine that Prisma would otherwise download: any program that exists keeps it from that.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath }
  const run = (...args: string[]) => promisify(execFile)('npm', args, { cwd: ORIGINAL_DESIGN, env })
  await run('ci', '--ignore-scripts', '--no-audit', '--no-fund')
  await run('exec', '--', 'prisma', 'generate')
}
