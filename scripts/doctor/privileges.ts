import type { Columns } from '../../db/columns.js'
import { PROOF_COLUMNS } from '../../db/email-proof.js'
import { missingPrivileges, type Need, tablesWithRowSecurity } from '../../db/inspect.js'
import type { Database } from '../../db/schema.js'
import { type Check, failed, ok, warning } from './check.js'

type Part = 'worker' | 'sign-up' | 'rollback'

const ENROLLMENT_COLUMNS = ['id', 'userId', 'courseId', 'status', 'enrolledAt']
const NEEDS: readonly (Need & { part: Part })[] = [
  { part: 'worker', privilege: 'SELECT', table: 'User', columns: ['id'] },
  { part: 'worker', privilege: 'SELECT', table: 'Course', columns: ['id', 'isPublished'] },
  { part: 'worker', privilege: 'SELECT', table: 'Enrollment', columns: ['userId', 'courseId'] },
  { part: 'worker', privilege: 'INSERT', table: 'Enrollment', columns: [...ENROLLMENT_COLUMNS, 'updatedAt'] },
  {
    part: 'sign-up',
    privilege: 'SELECT',
    table: 'User',
    columns: ['id', 'email', 'passwordHash', ...PROOF_COLUMNS],
  },
  { part: 'sign-up', privilege: 'INSERT', table: 'User', columns: ['id', 'email', 'name', 'passwordHash'] },
  {
    part: 'sign-up',
    privilege: 'UPDATE',
    table: 'User',
    columns: ['lastLoginAt', 'updatedAt', 'passwordHash', ...PROOF_COLUMNS],
  },
  { part: 'rollback', privilege: 'SELECT', table: 'Enrollment', columns: ENROLLMENT_COLUMNS },
  { part: 'rollback', privilege: 'SELECT', table: 'Course', columns: ['title'] },
  { part: 'rollback', privilege: 'DELETE', table: 'Enrollment', columns: ['id'] },
]

const WITHOUT: Record<Part, string> = {
  worker: 'the worker, backfill and verify need it',
  'sign-up': 'only needed where signUp and signInWithGoogle connect as this role',
  rollback: 'only npm run rollback needs it',
}

/** Whether the role may do what each part of the product does; only a privilege that the worker lacks is a failure. */
export async function checkPrivileges(db: Database, columns: Columns, role: string): Promise<Check[]> {
  const missing = await missingPrivileges(db, columns, NEEDS)
  const filtered = await tablesWithRowSecurity(db)
  return [
    ...(['worker', 'sign-up', 'rollback'] as const).map((part) => verdict(part, missing, role)),
    ...(filtered.length === 0
      ? []
      : [
          warning(
            'row-security',
            `policies filter the rows of "${filtered.join('", "')}" for ${role}`,
            `let a policy show "${role}" every row, or give it BYPASSRLS: users who are hidden are never enrolled`,
          ),
        ]),
  ]
}

function verdict(part: Part, missing: readonly (Need & { part: Part })[], role: string): Check {
  const name = `privileges: ${part}`
  const lacking = missing.filter((need) => need.part === part)
  if (lacking.length === 0) return ok(name, `${role} has what ${part} needs`)
  const judge = part === 'worker' ? failed : warning
  const grants = lacking.map(({ privilege, table }) => `GRANT ${privilege} ON "${table}" TO "${role}"`)
  return judge(
    name,
    `${role} lacks ${lacking.map(({ privilege, table }) => `${privilege} on "${table}"`).join(', ')} (${WITHOUT[part]})`,
    grants.join('; '),
  )
}
