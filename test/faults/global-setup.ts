import type { TestProject } from 'vitest/node'
import setupServers, { TEMPLATE } from '../support/global-setup.js'
import { makeRoles } from './roles.js'

/** The servers that all scenarios share: the same as in the other tests, with the roles of `db/roles.sql` in the template. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let template: URL | undefined
  const stop = await setupServers({
    provide(key: 'postgresUrl' | 'redisUrl', value: string) {
      if (key === 'postgresUrl') template = new URL(value)
      project.provide(key, value)
    },
  } as TestProject)
  if (template === undefined) throw new Error('the shared Postgres has no URL')
  template.pathname = TEMPLATE
  await makeRoles(template.href)
  return stop
}
