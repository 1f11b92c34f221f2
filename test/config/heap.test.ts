import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

describe('keeping the heap small', () => {
  it('uses a flag that this version of Node knows; Node silently ignores unknown ones', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--v8-options'], { maxBuffer: 1e7 })
    expect(stdout).toContain('--heap-growing-percent')
  })
})
