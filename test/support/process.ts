import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { expect } from 'vitest'

/** How a command ended, as a shell sees it. */
export interface Ended {
  exitCode: number | undefined
  stdout: string
  stderr: string
  durationMs: number
}

const LIMIT_MS = 25_000

/** Runs a command of `dist/` as a process until it ends. It sees only the given settings. */
export async function runScript(
  name: string,
  flags: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Ended> {
  const { exitCode, stdout, stderr, durationMs } = await startScript(name, flags, env)
  return { exitCode, stdout, stderr, durationMs }
}

/** Runs a command that prints exactly one JSON document on stdout. */
export async function runJson<T extends object>(
  name: string,
  flags: readonly string[],
  env: Record<string, string>,
): Promise<T & { exitCode: number | undefined }> {
  const { exitCode, stdout, stderr } = await runScript(name, [...flags, '--json'], env)
  expect(stdout, stderr).toMatch(/^\{/)
  return { ...(JSON.parse(stdout) as T), exitCode }
}

/** Starts a command of `dist/` as a process, which is killed if it takes too long. Its promise never rejects. */
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

export type RunningScript = ReturnType<typeof startScript>

/** Resolves with the first log line that has this message; fails if the process ends before. */
export async function logged(running: RunningScript, message: RegExp): Promise<Record<string, unknown>> {
  const lines = createInterface(running.stderr)
  const found = new Promise<Record<string, unknown>>((resolve) => {
    lines.on('line', (line) => {
      const entry = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {}
      if (message.test(String(entry.msg))) resolve(entry)
    })
  })
  const ended = once(lines, 'close').then(async () => {
    throw new Error(`ended without logging ${message}: ${(await running).stderr}`)
  })
  ended.catch(() => undefined)
  return Promise.race([found, ended])
}
