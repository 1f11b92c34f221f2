import pg from 'pg'
import { afterEach } from 'vitest'
import type { TestDatabase } from './servers.js'

/** Gives the test file sessions that keep locks; those that are left are ended after each test. */
export function useBlockers(database: TestDatabase) {
  const sessions: pg.Client[] = []
  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((session) => session.end()))
  })

  return {
    /** Runs a statement in a transaction of its own that stays open; the function returned rolls it back. */
    async hold(statement: string, values: unknown[] = []): Promise<() => Promise<void>> {
      const session = new pg.Client({ connectionString: database.url, application_name: 'another session' })
      await session.connect()
      sessions.push(session)
      await session.query('begin')
      await session.query(statement, values)
      return async () => {
        await session.query('rollback')
      }
    },
  }
}
