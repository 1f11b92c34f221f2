import { readFile } from 'node:fs/promises'
import pg from 'pg'

/** The roles of `db/roles.sql`, and one for the application, which may do anything with its tables. */
export async function makeRoles(url: string): Promise<void> {
  const owner = new pg.Client({ connectionString: url })
  await owner.connect()
  try {
    await owner.query(await readFile('db/roles.sql', 'utf8'))
    await owner.query(`
      do $$ begin create role application; exception when duplicate_object then null; end $$;
      grant usage on schema public, bullmq to application;
      grant all on all tables in schema public, bullmq to application;
      grant all on all sequences in schema bullmq to application`)
    for (const role of ['application', 'auto_enroll_worker', 'auto_enroll_dashboard']) {
      await owner.query(`alter role ${role} login password '${ROLE_PASSWORD}'`)
    }
  } finally {
    await owner.end()
  }
}

const ROLE_PASSWORD = 'of-the-suite'

/** The same database for another role. */
export function asRole(url: string, role: string): string {
  const address = new URL(url)
  address.username = role
  address.password = ROLE_PASSWORD
  return address.href
}
