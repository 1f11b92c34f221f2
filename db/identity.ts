import { sql } from 'kysely'
import { codeOf } from '../config/safe-error.js'
import type { Database } from './schema.js'

/** Which database this is, whatever URL leads to it. */
export interface DatabaseIdentity {
  /** Differs for every database and schema, including a copy restored from a dump. */
  id: string
  /** A name for people. */
  name: string
}

/** The cluster's number survives failovers, and no two clusters that `initdb` created share one. */
export async function readDatabaseIdentity(db: Database): Promise<DatabaseIdentity> {
  const { rows } = await sql<{ oid: string; database: string; schema: string; address: string }>`
    select oid::text, datname::text as database, coalesce(current_schema()::text, '') as schema,
      coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'this machine') as address
    from pg_database where datname = current_database()
  `.execute(db)
  const [{ oid, database, schema, address } = UNKNOWN] = rows
  const cluster = (await readClusterNumber(db)) ?? address
  return {
    id: [cluster, oid, schema].join('/'),
    name: `"${database}" on ${address}${schema === 'public' ? '' : `, schema "${schema}"`}`,
  }
}

const UNKNOWN = { oid: '', database: '', schema: '', address: '' }

const INSUFFICIENT_PRIVILEGE = '42501'
const UNDEFINED_FUNCTION = '42883'

/** `undefined` if the provider does not permit this function. */
async function readClusterNumber(db: Database): Promise<string | undefined> {
  try {
    const { rows } = await sql<{ number: string }>`
      select system_identifier::text as number from pg_control_system()
    `.execute(db)
    return rows[0]?.number
  } catch (error) {
    const code = codeOf(error)
    if (code === INSUFFICIENT_PRIVILEGE || code === UNDEFINED_FUNCTION) return undefined
    throw error
  }
}
