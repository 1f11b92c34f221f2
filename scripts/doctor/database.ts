import { codeOf } from '../../config/safe-error.js'
import { type Columns, missingColumns, readColumns } from '../../db/columns.js'
import { countPublishedCourses } from '../../db/courses.js'
import { findOtherSchemas, readDatabaseClock, readServer } from '../../db/inspect.js'
import type { Database } from '../../db/schema.js'
import { answerOf, type Check, checked, failed, ok, reasonOf, warning } from './check.js'
import { type ClockReading, readClock } from './clock.js'
import { checkEmails } from './emails.js'
import { checkEnrolling, checkSignUp } from './inserts.js'
import { checkOwnSchema } from './own-schema.js'
import { checkPrivileges } from './privileges.js'

export interface Findings {
  checks: Check[]
  clocks: ClockReading[]
  /** Whether more can be asked of it. */
  usable: boolean
}

interface DatabaseOptions {
  db: Database
  url: string
  /** `ENROLLMENT_STATUS`. */
  status: string
}

/** Whether the worker could enroll in this database: reached, complete, permitted. Writes nothing. */
export async function checkDatabase({ db, url, status }: DatabaseOptions): Promise<Findings> {
  const place = placeOf(url)
  try {
    const server = await answerOf(readServer(db))
    const clock = await answerOf(readClock('Postgres', () => readDatabaseClock(db)))
    const columns = await answerOf(readColumns(db))
    const missing = missingColumns(columns)
    return {
      checks: [
        server.readOnly
          ? failed(
              'database',
              `PostgreSQL at ${place} accepts no writes`,
              'point DATABASE_URL to the primary, or lift default_transaction_read_only',
            )
          : ok('database', `PostgreSQL ${server.version} at ${place} as ${server.role}`),
        ...(missing.length === 0
          ? await checkTables(db, columns, server.role, status)
          : [failed('schema', missing.join('; '), await answerOf(schemaFix(db, columns, server.role)))]),
      ],
      clocks: [clock],
      usable: missing.length === 0,
    }
  } catch (error) {
    return { checks: [unreachable(place, error)], clocks: [], usable: false }
  }
}

function placeOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host || 'localhost'}${pathname}`
}

function unreachable(place: string, error: unknown): Check {
  const fix =
    {
      '28P01': 'correct the user or password in DATABASE_URL',
      '28000': 'let the user of DATABASE_URL connect from this machine (pg_hba.conf)',
      '3D000': 'correct the database name in DATABASE_URL, or create it',
      '53300': 'raise max_connections or close some: all are taken',
      ENOTFOUND: 'correct the host in DATABASE_URL',
    }[codeOf(error) ?? ''] ?? 'check DATABASE_URL, that the server runs, and that this machine may connect'
  return failed('database', `${place} cannot be used: ${reasonOf(error)}`, fix)
}

async function checkTables(db: Database, columns: Columns, role: string, status: string): Promise<Check[]> {
  const found = await Promise.all([
    checked('own-schema', () => checkOwnSchema(db)),
    checked('privileges', () => checkPrivileges(db, columns, role)),
    checked('enrollment', () => checkEnrolling(db, columns, status)),
    checked('sign-up', () => checkSignUp(db, columns)),
    checked('emails', () => checkEmails(db, columns)),
    checked('courses', () => checkCourses(db)),
  ])
  return [ok('schema', '"User", "Course" and "Enrollment" have the columns that are needed'), ...found.flat()]
}

async function schemaFix(db: Database, columns: Columns, role: string): Promise<string> {
  const [other] = await findOtherSchemas(db)
  if (other !== undefined && Object.values(columns).every((table) => table.size === 0)) {
    return other.usable
      ? `they are in schema "${other.schema}": add ?schema=${encodeURIComponent(other.schema)} to DATABASE_URL`
      : `they are in schema "${other.schema}": GRANT USAGE ON SCHEMA "${other.schema}" TO "${role}"`
  }
  return (
    'point DATABASE_URL to the application’s database, run npm run migrate in an empty one, ' +
    'or make updatable views of these names where the application uses others'
  )
}

async function checkCourses(db: Database): Promise<Check[]> {
  const published = await countPublishedCourses(db)
  return published === 0
    ? [warning('courses', 'no course is published', 'publish one: until then nobody is enrolled in anything')]
    : [ok('courses', `${published} published`)]
}
