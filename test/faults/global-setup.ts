import type { TestProject } from 'vitest/node'
import setupServers from '../support/global-setup.js'

/** The servers that all scenarios share: those of the other tests. */
export default function setup(project: TestProject): Promise<() => Promise<void>> {
  return setupServers(project)
}
