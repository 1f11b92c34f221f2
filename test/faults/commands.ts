import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Starts an administrator's command like `npm run`. */
export function startAdminCommand(
  name: string,
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): ChildProcess {
  const program = fileURLToPath(new URL(`../../dist/scripts/${name}.js`, import.meta.url))
  return spawn(process.execPath, [program, ...flags], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs one until it ends. */
export async function runAdminCommand(
  name: string,
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): Promise<{ exitCode: number | null; output: string }> {
  const child = startAdminCommand(name, env, flags)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  await once(child, 'close')
  return { exitCode: child.exitCode, output }
}
