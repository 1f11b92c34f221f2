import { type RawBuilder, sql } from 'kysely'
import type { Column, Columns } from './columns.js'
import { hasEmail } from './emails.js'
import { nowFor, typeOf } from './expressions.js'
import type { Database } from './schema.js'

/** A user's email, as it is when it is proven. */
export interface ProvenEmail {
  userId: string
  email: string
}

/**
 * Where it is noted that a user owns the mailbox of their email: in the application's own column if there is one,
 * otherwise in `auto_enroll.email_proof`. Where neither can be used, no email ever counts as proven.
 */
export type ProofPlace =
  | { kind: 'column'; name: string; column: Column }
  | { kind: 'table' }
  | { kind: 'none' }

export async function findProofPlace(db: Database, columns: Columns): Promise<ProofPlace> {
  const own = proofColumn(columns)
  if (own !== undefined) return { kind: 'column', ...own }
  const { rows } = await sql<{ usable: boolean }>`
    select exists (
      select from pg_class c join pg_namespace n on n.oid = relnamespace
      where nspname = 'auto_enroll' and relname = 'email_proof' and has_schema_privilege(n.oid, 'usage')
        and has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
        and has_table_privilege(c.oid, 'update')
    ) as usable
  `.execute(db)
  return { kind: rows[0]?.usable === true ? 'table' : 'none' }
}

/** `emailVerified` as Auth.js (a time) and Better Auth (a boolean) have it, or another name for the same. */
export const PROOF_COLUMNS = ['emailVerified', 'emailVerifiedAt']

/** The application's own column, if it holds a time or a boolean. */
export function proofColumn(columns: Columns): { name: string; column: Column } | undefined {
  for (const name of PROOF_COLUMNS) {
    const column = columns.User.get(name)
    if (column !== undefined && !column.generated && /^(boolean|date|timestamp)/.test(column.type)) {
      return { name, column }
    }
  }
  return undefined
}

/** What the column holds for an email that is proven or not; `undefined` leaves it to its default. */
export function proofValue(column: Column, proven: boolean): RawBuilder<unknown> | undefined {
  if (column.type === 'boolean') return sql.lit(proven)
  return proven ? nowFor(column) : undefined
}

/** Whether the email of the user `u` is proven. A proof in our table holds for the email that it was given for only. */
export function isProven(place: ProofPlace): RawBuilder<boolean> {
  switch (place.kind) {
    case 'none':
      return sql`false`
    case 'table':
      return sql`exists (
        select from auto_enroll.email_proof p where p.user_id = u.id::text and p.email_sha256 = ${EMAIL_HASH}
      )`
    case 'column': {
      const column = sql.ref(`u.${place.name}`)
      return place.column.type === 'boolean' ? sql`coalesce(${column}, false)` : sql`${column} is not null`
    }
  }
}

/** With the user's id in it, so that nobody can look for a known address among the hashes. */
const EMAIL_HASH = sql`sha256(convert_to(u.id::text || ' ' || lower(u.email::text), 'UTF8'))`

/**
 * Notes that a user's email is proven, if the user still has it.
 *
 * @returns `false` where it was not noted: there is no such user with that email, or no place to note it
 */
export async function noteProof(db: Database, columns: Columns, proven: ProvenEmail): Promise<boolean> {
  const place = await findProofPlace(db, columns)
  if (place.kind === 'none') return false
  const { rows } = await noteStatement(columns, place, proven).execute(db)
  return rows.length > 0
}

function noteStatement(
  columns: Columns,
  place: Exclude<ProofPlace, { kind: 'none' }>,
  { userId, email }: ProvenEmail,
) {
  const isUser = sql`u.id = ${userId}::${typeOf(columns, 'User', 'id')} and ${hasEmail(columns, email)}`
  if (place.kind === 'table') {
    return sql`
      insert into auto_enroll.email_proof (user_id, email_sha256)
      select u.id::text, ${EMAIL_HASH} from "User" u where ${isUser}
      on conflict (user_id) do update set email_sha256 = excluded.email_sha256, proven_at = now()
      returning user_id
    `
  }
  // A time that is there already says when it was first proven.
  return sql`
    update "User" u set ${sql.ref(place.name)} =
      case when ${isProven(place)} then ${sql.ref(`u.${place.name}`)} else ${proofValue(place.column, true)} end
    where ${isUser} returning u.id
  `
}
