import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

describe('a heap that is kept small', () => {
  it('is something that this version of Node knows, for it takes any flag without a word', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--v8-options'], { maxBuffer: 1e7 })
    expect(stdout).toContain('--heap-growing-percent')
  })
})
