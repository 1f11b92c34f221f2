import { mayMigrate, pendingMigrations } from '../../db/own-schema.js'
import type { Database } from '../../db/schema.js'
import { type Check, failed, ok, warning } from './check.js'

/** Whether auto-enroll's own schema is up to date, with the audit log in it. The worker migrates it if its role may. */
export async function checkOwnSchema(db: Database): Promise<Check[]> {
  const name = 'own-schema'
  const pending = await pendingMigrations(db)
  if (pending.length === 0) return [ok(name, '"auto_enroll" is up to date')]
  const message = `"auto_enroll" lacks ${pending.join(', ')}`
  return [
    (await mayMigrate(db))
      ? warning(name, message, 'npm run migrate (a worker does the same when it starts)')
      : failed(
          name,
          `${message}, and this role may not make it`,
          'npm run migrate with a DATABASE_URL whose role may',
        ),
  ]
}
