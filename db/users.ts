import { sql } from 'kysely'
import type { Columns } from './columns.js'
import { insertion, nowFor, typeOf } from './expressions.js'
import { newUserId } from './ids.js'
import type { Database } from './schema.js'

export interface NewUser {
  email: string
  name: string
  passwordHash?: string
  image?: string
}

/**
 * Inserts a user, unless the email is taken. An image is kept where there is a column for it.
 *
 * @returns the new user's id, or `undefined` when somebody has that email
 * @throws {Error} when a password's hash is given and there is no column for it, and whatever Postgres refuses
 */
export async function insertUser(db: Database, columns: Columns, user: NewUser): Promise<string | undefined> {
  const { rows } = await insertUserStatement(columns, user).execute(db)
  return rows[0]?.id
}

/** The statement of `insertUser`, for it and for whoever asks the database to explain it. */
export function insertUserStatement(columns: Columns, user: NewUser) {
  const column = (name: string) => columns.User.get(name)
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
  })
  return sql<{ id: string }>`
    insert into "User" (${names}) values (${values})
    on conflict (email) do nothing
    returning id::text as id
  `
}

/** Whether somebody has one of these emails, compared as they are spelled. */
export async function emailTaken(db: Database, emails: readonly string[]): Promise<boolean> {
  const row = await db.selectFrom('User').select('email').where('email', 'in', emails).executeTakeFirst()
  return row !== undefined
}

/**
 * Notes that the user with one of these emails has signed in, the first spelling preferred, and that the row was updated.
 *
 * @returns the user's id, or `undefined` when nobody has that email
 */
export async function touchLogin(
  db: Database,
  columns: Columns,
  emails: readonly string[],
): Promise<string | undefined> {
  const found = await db
    .selectFrom('User')
    .select([sql<string>`id::text`.as('id'), 'email'])
    .where('email', 'in', emails)
    .execute()
  const user = found.sort((a, b) => emails.indexOf(a.email) - emails.indexOf(b.email))[0]
  if (user !== undefined && columns.User.has('lastLoginAt')) {
    const touched = ['lastLoginAt', 'updatedAt'].filter((name) => columns.User.get(name)?.generated === false)
    const changes = touched.map((name) => sql`${sql.ref(name)} = ${nowFor(columns.User.get(name))}`)
    await sql`
      update "User" set ${sql.join(changes)} where id = ${user.id}::${typeOf(columns, 'User', 'id')}
    `.execute(db)
  }
  return user?.id
}

/** Whether the user has any enrollment, whatever its status. */
export async function hasEnrollment(db: Database, columns: Columns, userId: string): Promise<boolean> {
  const { rows } = await sql`
    select from "Enrollment" where "userId" = ${userId}::${typeOf(columns, 'Enrollment', 'userId')} limit 1
  `.execute(db)
  return rows.length > 0
}

export interface UserWithoutEnrollment {
  id: string
  email: string
}

/**
 * The ids of users who have no enrollment at all, in pages in the order of their ids, from the one after `after`. Each
 * page is a statement of its own, so a slow reader holds no snapshot and meets no statement timeout; a user enrolled
 * meanwhile is not in a later page. Reads the two indexes alone, and no column but ids.
 */
export async function* userIdsWithoutEnrollment(
  db: Database,
  columns: Columns,
  { after, pageSize = 1000 }: { after?: string; pageSize?: number } = {},
): AsyncGenerator<string[]> {
  const idType = typeOf(columns, 'User', 'id')
  let last = after
  for (;;) {
    const { rows } = await sql<{ id: string }>`
      select u.id::text as id from "User" u
      where not exists (select from "Enrollment" e where e."userId" = u.id)
        ${last === undefined ? sql`` : sql`and u.id > ${last}::${idType}`}
      order by u.id
      limit ${sql.lit(pageSize)}
    `.execute(db)
    if (rows.length > 0) yield rows.map((row) => row.id)
    if (rows.length < pageSize) return
    last = rows.at(-1)?.id
  }
}

/** The same users with their emails, to be shown to an operator. */
export async function* usersWithoutEnrollment(
  db: Database,
  columns: Columns,
  pageSize = 1000,
): AsyncGenerator<UserWithoutEnrollment[]> {
  for await (const ids of userIdsWithoutEnrollment(db, columns, { pageSize })) {
    // An email is looked up for each: with a join the planner would read the whole table for each page.
    const { rows } = await sql<UserWithoutEnrollment>`
      select id, email from (
        select asked.id, asked.position,
          (select email from "User" where id = asked.id::${typeOf(columns, 'User', 'id')}) as email
        from unnest(${sql.val(ids)}::text[]) with ordinality as asked(id, position)
      ) page
      where email is not null order by position
    `.execute(db)
    yield rows
  }
}

/** How many users have no enrollment at all. */
export async function countUsersWithoutEnrollment(db: Database): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    select count(*) from "User" u where not exists (select from "Enrollment" e where e."userId" = u.id)
  `.execute(db)
  return Number(rows[0]?.count)
}

/** How many of these users exist and have no enrollment at all. */
export async function countWithoutEnrollment(db: Database, userIds: readonly string[]): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    select count(*) from "User" u
    where u.id::text = any(${sql.val(userIds)}::text[])
      and not exists (select from "Enrollment" e where e."userId" = u.id)
  `.execute(db)
  return Number(rows[0]?.count)
}
