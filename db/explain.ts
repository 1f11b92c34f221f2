import { sql } from 'kysely'
import type { Columns } from './columns.js'
import { hasEmail } from './emails.js'
import { typeOf } from './expressions.js'
import { isOwnEnrollmentId, isText } from './ids.js'
import type { Database } from './schema.js'

export interface KnownUser {
  id: string
  email: string
  name: string
  createdAt?: Date
}

/**
 * The user with this id or email. An email is compared whatever the case of its letters; of several users, the one
 * spelled as given comes first.
 *
 * @returns `undefined` when there is none, also when `idOrEmail` cannot be an id of the column's type
 */
export async function findUser(
  db: Database,
  columns: Columns,
  idOrEmail: string,
): Promise<KnownUser | undefined> {
  const given = idOrEmail.trim()
  if (given === '' || given.includes('\0')) return undefined
  const found = given.includes('@')
    ? ((await userWhere(sql`u.email in (${given}, ${given.toLowerCase()})`)) ??
      (await userWhere(hasEmail(columns, given))))
    : undefined
  return found ?? userWhere(sql`u.id = ${idOrNothing(columns, given)}`)

  async function userWhere(condition: ReturnType<typeof sql>): Promise<KnownUser | undefined> {
    const { rows } = await sql<{ id: string; email: string; name: string; createdAt: Date | null }>`
      select u.id::text as id, u.email, u.name, ${instant(columns, 'User', 'createdAt', 'u')} as "createdAt"
      from "User" u where ${condition} order by u.email = ${given} desc limit 1
    `.execute(db)
    const row = rows[0]
    if (row === undefined) return undefined
    const { createdAt, ...user } = row
    return { ...user, ...(createdAt === null ? {} : { createdAt }) }
  }
}

export interface CourseOfUser {
  courseId: string
  title: string
  isPublished: boolean
  status?: string
  enrolledAt?: Date
  /** Who made the enrollment; `unknown` where ids are of a type that cannot carry our mark. */
  madeBy?: 'auto-enroll' | 'hand' | 'unknown'
}

/** Every published course, and every other one in which the user has an enrollment. */
export async function coursesOfUser(db: Database, columns: Columns, userId: string): Promise<CourseOfUser[]> {
  const id = columns.Enrollment.get('id')
  const { rows } = await sql<{
    courseId: string
    title: string
    isPublished: boolean
    status: string | null
    enrolledAt: Date | null
    isOwn: boolean | null
  }>`
    select c.id::text as "courseId", coalesce(c.title, '') as title, c."isPublished", e.status::text as status,
      ${instant(columns, 'Enrollment', 'enrolledAt', 'e')} as "enrolledAt",
      ${isText(id) ? isOwnEnrollmentId('e.id', id) : sql`null::boolean`} as "isOwn"
    from "Course" c
    left join "Enrollment" e on e."courseId" = c.id and e."userId" = ${userId}::${typeOf(columns, 'Enrollment', 'userId')}
    where c."isPublished" or e.id is not null
    order by c."isPublished" desc, c.title
  `.execute(db)
  return rows.map(({ status, enrolledAt, isOwn, ...course }) => ({
    ...course,
    ...(status === null ? {} : { status, madeBy: maker(isOwn) }),
    ...(enrolledAt === null ? {} : { enrolledAt }),
  }))
}

function maker(isOwn: boolean | null): NonNullable<CourseOfUser['madeBy']> {
  if (isOwn === null) return 'unknown'
  return isOwn ? 'auto-enroll' : 'hand'
}

/** A timestamp with its zone, so that the driver reads the moment that was meant; one without zone holds UTC. */
function instant(columns: Columns, table: 'User' | 'Enrollment', name: string, alias: string) {
  const column = columns[table].get(name)
  if (column === undefined) return sql`null::timestamptz`
  const reference = sql.ref(`${alias}.${name}`)
  return column.type.endsWith('without time zone') ? sql`(${reference} at time zone 'UTC')` : reference
}

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const MAX_INTEGER: Readonly<Record<string, bigint>> = {
  smallint: 32_767n,
  integer: 2_147_483_647n,
  bigint: 9_223_372_036_854_775_807n,
}

/** The id as a value of the column's type, or null where a cast would fail. */
function idOrNothing(columns: Columns, given: string) {
  const type = columns.User.get('id')?.type ?? ''
  const max = MAX_INTEGER[type]
  const possible =
    type === 'uuid'
      ? UUID.test(given)
      : max === undefined || (/^\d{1,19}$/.test(given) && BigInt(given) <= max)
  return possible ? sql`${given}::${typeOf(columns, 'User', 'id')}` : sql`null`
}
