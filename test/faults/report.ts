import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import type { Figures } from './figures.js'
import { reliabilityPage } from './reliability-page.js'

/** Writes the reliability page if all scenarios in `folder` ran. A partial run writes nothing. */
export function reliabilityReport(folder: string, path: string): Reporter {
  return {
    onTestRunEnd(modules) {
      const files = readdirSync(folder).filter((file) => file.endsWith('.scenarios.ts'))
      const tests = modules.flatMap((module: TestModule) => [...module.children.allTests()])
      const played = tests.filter((test) => test.result().state !== 'skipped')
      if (modules.length < files.length || played.length < tests.length) return
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, reliabilityPage(tests.flatMap(figuresOf)))
    },
  }
}

function figuresOf(test: TestCase): (Figures & { passed: boolean })[] {
  const { figures } = test.meta()
  return figures === undefined ? [] : [{ ...figures, passed: test.ok() }]
}
