import { defineConfig } from 'vitest/config'
import { reliabilityReport } from './report.js'

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/faults/*.scenarios.ts'],
    globalSetup: ['test/faults/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    maxConcurrency: 3,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    retry: 0,
    reporters: [
      'default',
      reliabilityReport(import.meta.dirname, 'docs/reliability.md'),
      ...(process.env.CI ? ['json' as const] : []),
    ],
    outputFile: { json: 'test-results/faults.json' },
  },
})
