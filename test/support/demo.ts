import { once } from 'node:events'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll } from 'vitest'

/** The demo takes a few seconds, and many more on a busy machine. */
export const DEMO_LIMIT_MS = 90_000
/** A busy machine stalls longer than the default publish timeout; other tests check that the publisher keeps it. */
export const PATIENT = { PUBLISH_TIMEOUT_MS: '10000' }

/** Runs demos as processes, with their temporary files in a folder of this test file. */
export function useDemo() {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'auto-enroll-demo-test-'))
    // The embedded Postgres runs as nobody if the tests run as root.
    await chmod(folder, 0o755)
  })
  afterAll(() => rm(folder, { recursive: true }))

  return {
    start(flags: readonly string[], env: Record<string, string> = {}) {
      return execa(process.execPath, ['dist/scripts/demo.js', ...flags], {
        extendEnv: false,
        env: { PATH: process.env.PATH ?? '', TMPDIR: folder, ...PATIENT, ...env },
        stdin: 'ignore',
        reject: false,
        timeout: DEMO_LIMIT_MS,
        killSignal: 'SIGKILL',
      })
    },
    /** What demos have left behind. */
    async leftovers() {
      const { stdout } = await execa('ps', ['-A', '-o', 'args'])
      return {
        files: await readdir(folder),
        processes: stdout.split('\n').filter((line) => line.includes(folder)),
      }
    },
  }
}

/** Waits until the demo prints `text`, and returns everything it has printed so far. */
export async function untilPrinted(demo: { stdout: NodeJS.ReadableStream }, text: string): Promise<string> {
  let output = ''
  while (!output.includes(text)) output += String((await once(demo.stdout, 'data'))[0])
  return output
}
