import { describe, expect, it } from 'vitest'
import { TOUR } from '../../scripts/demo/tour.js'
import { DEMO_LIMIT_MS, untilPrinted, useDemo } from '../support/demo.js'

describe('the demo, with nothing but Node', { timeout: DEMO_LIMIT_MS }, () => {
  const demos = useDemo()

  it('runs the tour on its own Postgres and prints one line per step', async () => {
    const { exitCode, stdout } = await demos.start(['--once'])
    expect(stdout.match(/^[✓✗] .*?(?= {2})/gm)).toEqual(TOUR.map(({ name }) => `✓ ${name}`))
    expect(stdout).toContain('5 users would get 10 enrollments')
    expect(stdout).toContain('100 % of 6 users are enrolled: 11 enrollments, 0 duplicates')
    expect(exitCode).toBe(0)
    expect(await demos.leftovers()).toEqual({ files: [], processes: [] })
  })

  it('leaves nothing behind when Ctrl-C is pressed again and again in the middle', async () => {
    const demo = demos.start([])
    await untilPrinted(demo, '✓ Dry run')
    await expect.poll(() => demo.kill('SIGINT'), { interval: 100, timeout: 30_000 }).toBe(false)
    const { exitCode, stderr } = await demo
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'interrupted by SIGINT' })
    expect(await demos.leftovers()).toEqual({ files: [], processes: [] })
  })

  it.each(['DATABASE_URL', 'QUEUE_URL'])('refuses %s alone', async (name) => {
    const { exitCode, stderr } = await demos.start(['--once'], { [name]: 'postgres://127.0.0.1/none' })
    expect(stderr).toMatch(/is set but (QUEUE_URL|DATABASE_URL) is not/)
    expect(exitCode).toBe(2)
  })
})
