import { execa } from 'execa'

/** Runs a module as a separate process, which dies of an unhandled rejection like an application. */
export function runScript(script: string, env: Record<string, string> = {}, timeoutMs = 15_000) {
  return execa(process.execPath, ['--unhandled-rejections=strict', '--input-type=module', '--eval', script], {
    env,
    ipc: true,
    reject: false,
    timeout: timeoutMs,
    forceKillAfterDelay: 100,
  })
}
