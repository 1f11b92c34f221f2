import { execa } from 'execa'

/** Runs a module as a process of its own, which dies of an unhandled rejection as an application would. */
export function runScript(script: string, env: Record<string, string> = {}, timeoutMs = 15_000) {
  return execa(process.execPath, ['--unhandled-rejections=strict', '--input-type=module', '--eval', script], {
    env,
    ipc: true,
    reject: false,
    timeout: timeoutMs,
    forceKillAfterDelay: 100,
  })
}
