import { execa } from 'execa'

/** How a command ended, as a shell sees it. */
export interface Ended {
  exitCode: number | undefined
  stdout: string
  stderr: string
  durationMs: number
}

const LIMIT_MS = 25_000

/** Runs a command of `dist/` as a process to its end; it sees no settings but those given. */
export async function runScript(
  name: string,
  flags: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Ended> {
  const { exitCode, stdout, stderr, durationMs } = await startScript(name, flags, env)
  return { exitCode, stdout, stderr, durationMs }
}

/** Starts a command of `dist/` as a process, which is killed when it lasts too long; its promise never rejects. */
export function startScript(name: string, flags: readonly string[] = [], env: Record<string, string> = {}) {
  return execa(process.execPath, [`dist/scripts/${name}.js`, ...flags], {
    extendEnv: false,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdin: 'ignore',
    reject: false,
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
}
