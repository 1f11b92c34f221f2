import {
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  Migrator,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
  type Transaction,
} from 'kysely'
import type { Schema } from '../schema.js'
import { MIGRATIONS } from './own-schema.js'

export const OWN_SCHEMA = 'auto_enroll'
export const LEDGER = 'migration'
export const LEDGER_LOCK = 'migration_lock'

/**
 * Brings the schema `auto_enroll` up to date. The caller holds the lock that keeps other processes out.
 *
 * @returns the names of the migrations that ran
 */
export async function runOwnMigrations(tx: Transaction<Schema>): Promise<string[]> {
  // The first failure aborts the transaction, and later errors only say so.
  let failure: unknown
  const migrator = new Migrator({
    db: onConnectionOf(tx, (error) => {
      failure ??= error
    }),
    provider: { getMigrations: async () => migrationsToRun() },
    migrationTableSchema: OWN_SCHEMA,
    migrationTableName: LEDGER,
    migrationLockTableName: LEDGER_LOCK,
    disableTransactions: true,
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw failure ?? error
  return results.map(({ migrationName }) => migrationName)
}

function migrationsToRun() {
  return Object.fromEntries(
    Object.entries(MIGRATIONS).map(([name, statements]) => [
      name,
      {
        async up(db: Kysely<unknown>) {
          for (const statement of statements) await sql.raw(statement).execute(db)
        },
      },
    ]),
  )
}

/**
 * Kysely's Migrator takes a session lock, which a pooler in transaction mode would leave behind on one of its connections.
 * So it runs inside our transaction, under our lock.
 */
function onConnectionOf(tx: Transaction<Schema>, onFailure: (error: unknown) => void): Kysely<unknown> {
  const connection: DatabaseConnection = {
    async executeQuery(query) {
      try {
        return (await tx.executeQuery(query)) as never
      } catch (error) {
        onFailure(error)
        throw error
      }
    },
    streamQuery() {
      throw new Error('the Migrator streams nothing')
    },
  }
  return new Kysely({
    dialect: {
      createAdapter: () => new LockedAlready(),
      createDriver: () => Object.assign(new DummyDriver(), { acquireConnection: async () => connection }),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

class LockedAlready extends PostgresAdapter {
  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}
