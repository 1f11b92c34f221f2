import { type RawBuilder, sql } from 'kysely'
import { codeOf } from '../config/safe-error.js'
import type { Columns } from './columns.js'
import {
  findProofPlace,
  isProven,
  noteProof,
  type ProvenEmail,
  proofColumn,
  proofValue,
} from './email-proof.js'
import { hasEmail } from './emails.js'
import { insertion, nowFor, typeOf } from './expressions.js'
import { newUserId } from './ids.js'
import type { Database } from './schema.js'

export interface NewUser {
  email: string
  name: string
  passwordHash?: string
  image?: string
  /** Whether a provider vouches for the email. */
  isProven?: boolean
}

/**
 * Inserts a user, unless the email is taken. An image is kept where there is a column for it.
 *
 * @returns the new user's id, or `undefined` when somebody has that email
 * @throws {Error} when a password's hash is given and there is no column for it, and whatever Postgres refuses
 */
export async function insertUser(db: Database, columns: Columns, user: NewUser): Promise<string | undefined> {
  try {
    return await db.transaction().execute(async (tx) => {
      const { rows } = await insertUserStatement(columns, user).execute(tx)
      const userId = rows[0]?.id
      if (userId !== undefined && user.isProven && proofColumn(columns) === undefined) {
        await noteProof(tx, columns, { userId, email: user.email })
      }
      return userId
    })
  } catch (error) {
    // Another unique key than the one on `email`, such as one on `lower(email)`.
    if (codeOf(error) === UNIQUE_VIOLATION) return undefined
    throw error
  }
}

const UNIQUE_VIOLATION = '23505'
const NOT_NULL_VIOLATION = '23502'

/** The statement of `insertUser`, which the doctor asks the database to explain. */
export function insertUserStatement(columns: Columns, user: NewUser) {
  const column = (name: string) => columns.User.get(name)
  const proof = proofColumn(columns)
  const { names, values } = insertion(columns.User, {
    id: newUserId(column('id')),
    email: sql`${user.email}`,
    name: sql`${user.name}`,
    passwordHash:
      user.passwordHash === undefined
        ? undefined
        : sql`${user.passwordHash}::${typeOf(columns, 'User', 'passwordHash')}`,
    image: user.image === undefined ? undefined : sql`${user.image}`,
    createdAt: nowFor(column('createdAt')),
    updatedAt: nowFor(column('updatedAt')),
    lastLoginAt: user.passwordHash === undefined ? nowFor(column('lastLoginAt')) : undefined,
    ...(proof === undefined ? {} : { [proof.name]: proofValue(proof.column, user.isProven === true) }),
  })
  return sql<{ id: string }>`
    insert into "User" (${names}) values (${values})
    on conflict (email) do nothing
    returning id::text as id
  `
}

/** Whether somebody has this email, whatever the case of its letters. */
export async function emailTaken(db: Database, columns: Columns, email: string): Promise<boolean> {
  const { rows } = await sql`select from "User" u where ${hasEmail(columns, email)} limit 1`.execute(db)
  return rows.length > 0
}

export interface Account {
  id: string
  email: string
  isProven: boolean
}

/** Users whose emails are one mailbox are few; more would be somebody playing with its spellings. */
const MAX_ACCOUNTS = 10

/**
 * The users who have this email, whatever the case of its letters. There can be several where the application compares
 * spellings; then the first is the one to sign in: one whose email is proven (of several, the one spelled as given), or
 * else the oldest, since a stranger who took another spelling came later.
 *
 * Where a user who has it spelled just so, or in lower case, is proven, others are not looked for: that needs an index.
 */
export async function accountsOf(db: Database, columns: Columns, given: string): Promise<Account[]> {
  const proven = isProven(await findProofPlace(db, columns))
  const exact = await select(sql`u.email in (${given}, ${given.toLowerCase()})`)
  return exact[0]?.isProven === true ? exact : select(hasEmail(columns, given))

  async function select(condition: RawBuilder<boolean>): Promise<Account[]> {
    const createdAt = columns.User.has('createdAt') ? sql`u."createdAt"` : sql`null`
    const { rows } = await sql<Account>`
      select id, email, "isProven" from (
        select u.id::text as id, u.email::text as email, ${proven} as "isProven", ${createdAt} as "createdAt"
        from "User" u where ${condition}
      ) found
      order by "isProven" desc, ("isProven" and email = ${given}) desc, "createdAt", email = ${given} desc, id
      limit ${sql.lit(MAX_ACCOUNTS)}
    `.execute(db)
    return rows
  }
}

/** Notes that a user has signed in, and that the row was updated. */
export async function touchLogin(db: Database, columns: Columns, userId: string): Promise<void> {
  const touched = ['lastLoginAt', 'updatedAt'].filter((name) => columns.User.get(name)?.generated === false)
  if (!touched.includes('lastLoginAt')) return
  const changes = touched.map((name) => sql`${sql.ref(name)} = ${nowFor(columns.User.get(name))}`)
  await sql`
    update "User" set ${sql.join(changes)} where id = ${userId}::${typeOf(columns, 'User', 'id')}
  `.execute(db)
}

/**
 * Notes that a user has proven their email. A password that was set before stops working, since anyone could have set it.
 * Of two at once, one removes it.
 *
 * @returns `undefined` when there is no such user with that email any more
 */
export async function proveEmail(
  db: Database,
  columns: Columns,
  proven: ProvenEmail,
): Promise<{ passwordRemoved: boolean } | undefined> {
  try {
    return await prove(db, columns, proven, sql`null`)
  } catch (error) {
    if (codeOf(error) !== NOT_NULL_VIOLATION) throw error
    return prove(db, columns, proven, sql.lit(NO_PASSWORD))
  }
}

/** Stands for no password where the column takes no null, as in `/etc/shadow`: no hash looks like it. */
const NO_PASSWORD = '!'

function prove(
  db: Database,
  columns: Columns,
  { userId, email }: ProvenEmail,
  noPassword: RawBuilder<unknown>,
): Promise<{ passwordRemoved: boolean } | undefined> {
  const isUser = sql`u.id = ${userId}::${typeOf(columns, 'User', 'id')}`
  return db.transaction().execute(async (tx) => {
    // Locked in a statement of its own: the next one sees what the last holder of the lock has committed.
    const locked =
      await sql`select from "User" u where ${isUser} and ${hasEmail(columns, email)} for no key update`.execute(
        tx,
      )
    if (locked.rows.length === 0) return undefined
    const passwordRemoved = columns.User.has('passwordHash') && (await removePassword(tx))
    await noteProof(tx, columns, { userId, email })
    return { passwordRemoved }
  })

  async function removePassword(tx: Database): Promise<boolean> {
    const { rows } = await sql`
      update "User" u set "passwordHash" = ${noPassword}
      where ${isUser} and "passwordHash" is not null and "passwordHash" <> ${sql.lit(NO_PASSWORD)}
        and not ${isProven(await findProofPlace(tx, columns))}
      returning u.id
    `.execute(tx)
    return rows.length > 0
  }
}
