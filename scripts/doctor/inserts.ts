import type { RawBuilder } from 'kysely'
import { codeOf } from '../../config/safe-error.js'
import { insertUserStatement } from '../../db/accounts.js'
import type { Columns } from '../../db/columns.js'
import { enrollStatement } from '../../db/enrollments.js'
import { explainInsert } from '../../db/inspect.js'
import type { Database } from '../../db/schema.js'
import { type Check, failed, ok, reasonOf, warning } from './check.js'

/** Whether Postgres would accept the enrolling statement, and its status. */
export async function checkEnrolling(db: Database, columns: Columns, status: string): Promise<Check[]> {
  const { labels = null, maxLength = null } = columns.Enrollment.get('status') ?? {}
  const insert = await judgeInsert(db, () => enrollStatement(columns, acceptable(status, labels), []), {
    name: 'enrollment',
    judge: failed,
    accepted: 'the enrolling statement is accepted, with its unique key ("userId", "courseId")',
    keyMissing: 'there is no unique key on "Enrollment" ("userId", "courseId")',
    keyFix: 'CREATE UNIQUE INDEX ON "Enrollment" ("userId", "courseId")',
    filler: 'auto-enroll',
  })
  return [judgeStatus(status, labels, maxLength), insert]
}

function judgeStatus(status: string, labels: readonly string[] | null, maxLength: number | null): Check {
  const message = `ENROLLMENT_STATUS is ${JSON.stringify(status)}, which "Enrollment"."status" cannot hold`
  if (labels !== null && !labels.includes(status)) {
    return failed('status', message, `set ENROLLMENT_STATUS to one of ${labels.join(', ')}`)
  }
  if (maxLength !== null && status.length > maxLength) {
    return failed('status', message, `set ENROLLMENT_STATUS to at most ${maxLength} characters`)
  }
  return ok('status', `new enrollments get ${JSON.stringify(status)}`)
}

/** A wrong status is reported by itself, so that it does not hide what else is wrong with the statement. */
function acceptable(status: string, labels: readonly string[] | null): string {
  return labels === null || labels.includes(status) ? status : (labels[0] ?? status)
}

/** Whether Postgres would accept the statement of `signUp` and `signInWithGoogle`. */
export async function checkSignUp(db: Database, columns: Columns): Promise<Check[]> {
  const user = { email: 'nobody@example.com', name: 'Nobody', passwordHash: 'none' }
  return [
    await judgeInsert(db, () => insertUserStatement(columns, user), {
      name: 'sign-up',
      judge: warning,
      accepted: 'the sign-up statement is accepted, with its unique key (email)',
      keyMissing: 'there is no unique key on "User" (email), which signUp and signInWithGoogle need',
      keyFix: 'CREATE UNIQUE INDEX ON "User" (email)',
      filler: 'signUp',
    }),
  ]
}

interface Wording {
  name: string
  judge: typeof failed
  accepted: string
  keyMissing: string
  keyFix: string
  filler: string
}

const INVALID_CONFLICT_TARGET = '42P10'
const INSUFFICIENT_PRIVILEGE = '42501'

async function judgeInsert(
  db: Database,
  statement: () => RawBuilder<unknown>,
  { name, judge, accepted, keyMissing, keyFix, filler }: Wording,
): Promise<Check> {
  try {
    const { table, unfilled, deniedSequences } = await explainInsert(db, statement())
    if (unfilled.length > 0) {
      return judge(
        name,
        `${table} requires "${unfilled.join('", "')}", which ${filler} does not fill`,
        'give each of these columns a default, or let it be null',
      )
    }
    if (deniedSequences.length > 0) {
      return judge(
        name,
        `the ids of ${table} come from ${deniedSequences.join(', ')}, which this role may not use`,
        `GRANT USAGE ON SEQUENCE ${deniedSequences.join(', ')} to it`,
      )
    }
    return ok(name, accepted)
  } catch (error) {
    switch (codeOf(error)) {
      case INVALID_CONFLICT_TARGET:
        return judge(name, keyMissing, `${keyFix} (behind a view: on its base table)`)
      case INSUFFICIENT_PRIVILEGE:
        return judge(
          name,
          'this role may not run the statement',
          'see the privileges above; behind a view, its owner needs them on the base table',
        )
      default:
        return judge(
          name,
          `the statement is refused: ${reasonOf(error)}`,
          'let the columns be as the README says',
        )
    }
  }
}
