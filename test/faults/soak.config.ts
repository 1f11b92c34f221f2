import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/faults/soak.ts'],
    globalSetup: ['test/faults/global-setup.ts'],
    pool: 'forks',
    testTimeout: (Number(process.env.SOAK_MINUTES) + 5) * 60_000,
    hookTimeout: 60_000,
    retry: 0,
    reporters: ['default'],
    disableConsoleIntercept: true,
  },
})
