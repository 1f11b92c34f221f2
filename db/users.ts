import { sql } from 'kysely'
import type { Columns } from './columns.js'
import { typeOf } from './expressions.js'
import type { Database } from './schema.js'

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
 * The ids of users who have no enrollment at all, in pages, ordered by id, starting after `after`. Each page is its own
 * statement, so a slow reader holds no snapshot and runs into no statement timeout; a user who is enrolled meanwhile is not
 * in a later page. Reads only ids, and only from the two indexes.
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

/** The same users with their emails, to show to an operator. */
export async function* usersWithoutEnrollment(
  db: Database,
  columns: Columns,
  pageSize = 1000,
): AsyncGenerator<UserWithoutEnrollment[]> {
  for await (const ids of userIdsWithoutEnrollment(db, columns, { pageSize })) {
    // Looks up each email by itself: for a join, the planner would read the whole table for each page.
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

/** Those of the users who exist and have no enrollment at all. */
export async function withoutEnrollmentAmong(
  db: Database,
  userIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ id: string }>`
    select u.id::text as id from "User" u
    where u.id::text = any(${sql.val(userIds)}::text[])
      and not exists (select from "Enrollment" e where e."userId" = u.id)
  `.execute(db)
  return new Set(rows.map((row) => row.id))
}
