import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import type { Stage } from './stage.js'

/**
 * Runs one of the admin commands in its own process, as an operator would, and reads its `--json` document. When aborted, it
 * still waits for the process to end.
 *
 * @throws {Error} with the command's own output, when that is not the expected document
 */
export async function productCommand<Document>(
  { settings }: Stage,
  [name, ...flags]: readonly [string, ...string[]],
  document: z.ZodType<Document>,
  signal: AbortSignal,
): Promise<Document & { exitCode: number | null }> {
  const script = fileURLToPath(new URL(`../${name}.js`, import.meta.url))
  const { DATABASE_URL, QUEUE_URL, QUEUE_PREFIX } = settings
  const child = spawn(process.execPath, [script, ...flags, '--json'], {
    env: { ...process.env, DATABASE_URL, QUEUE_URL, QUEUE_PREFIX, QUEUE_PARTITIONS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  })
  let [output, errors] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  child.on('error', () => undefined)
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve))
  signal.throwIfAborted()
  const parsed = document.safeParse(JSON.parse(output || 'null'))
  if (!parsed.success) throw new Error(`npm run ${name} failed: ${(errors || output).trim()}`)
  return { ...parsed.data, exitCode }
}
