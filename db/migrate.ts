import type { Transaction } from 'kysely'
import { sql } from 'kysely'
import { createApplicationTables } from './migrations/application-tables.js'
import { runOwnMigrations } from './migrations/run.js'
import type { Database, Schema } from './schema.js'

/** Makes concurrent runs take turns; the number spells `aenr`. */
const MIGRATION_LOCK = 0x61656e72

export interface Migrated {
  /** Whether the application's three tables were created; `false` if they existed. */
  created: boolean
  /** The migrations of the schema `auto_enroll` that ran; none if it was up to date. */
  migrations: string[]
}

/**
 * Creates the application's three tables if none of them exists, and brings the schema `auto_enroll` up to date, all in
 * one transaction. Safe to run twice and concurrently.
 */
export function migrate(db: Database): Promise<Migrated> {
  return inTurn(db, async (tx) => ({
    created: await createApplicationTables(tx),
    migrations: await runOwnMigrations(tx),
  }))
}

/** Brings only the schema `auto_enroll` up to date, as a starting worker does. */
export function migrateOwnSchema(db: Database): Promise<string[]> {
  return inTurn(db, runOwnMigrations)
}

/** The lock belongs to the transaction, so it works through a pooler in transaction mode as well. */
function inTurn<T>(db: Database, work: (tx: Transaction<Schema>) => Promise<T>): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(tx)
    return work(tx)
  })
}
