import { type RawBuilder, sql } from 'kysely'
import type { Database } from './schema.js'

/** How many users have a course. */
export interface UserCoverage {
  users: number
  /** Users who have at least one enrollment, whatever its status. */
  withEnrollment: number
  withoutEnrollment: number
  /** Per cent of the users who have one, rounded down to two digits so that 100 means everybody. */
  coverage: number
  publishedCourses: number
}

/** How complete the enrollments are: reading it passes over every enrollment. */
export interface Completeness {
  enrollments: number
  /** Enrollments that repeat a user and course; above 0 only where the unique key is missing. */
  duplicates: number
  /** Users who have an enrollment and lack at least one published course. */
  partlyEnrolled: number
  /** How many published courses those users lack, added up. */
  missingEnrollments: number
}

export interface Coverage extends UserCoverage, Completeness {}

/** Counts who is enrolled and in how much, in one statement and so at one moment. */
export async function readCoverage(db: Database): Promise<Coverage> {
  const { rows } = await sql<UserRow & PairRow>`
    select ${USERS}, enrollments.* from (${completenessOf(await pairsOf(db))}) enrollments
  `.execute(db)
  return { ...userCoverage(only(rows)), ...completeness(only(rows)) }
}

/** Counts who is enrolled at all. */
export async function readUserCoverage(db: Database): Promise<UserCoverage> {
  const { rows } = await sql<UserRow>`select ${USERS}`.execute(db)
  return userCoverage(only(rows))
}

/** Counts the enrollments, and the users who lack some; quicker where nobody does. */
export async function readCompleteness(db: Database): Promise<Completeness> {
  const complete = (await hasUniqueKey(db)) ? await readIfComplete(db) : undefined
  if (complete !== undefined) return complete
  const { rows } = await completenessOf(await pairsOf(db)).execute(db)
  return completeness(only(rows as PairRow[]))
}

const USERS = sql`
  (select count(*) from "User") as users,
  (select count(*) from "User" u where not exists (select from "Enrollment" e where e."userId" = u.id)) as without,
  (select count(*) from "Course" where "isPublished") as published
`

/** Grouped in the order of the unique key, so that Postgres reads its index alone and sorts nothing. */
function completenessOf(pairs: RawBuilder<unknown>) {
  return sql`
    select coalesce(sum(rows), 0) as enrollments, coalesce(sum(rows - courses), 0) as duplicates,
      count(*) filter (where lacks > 0 and is_user) as partly,
      coalesce(sum(lacks) filter (where lacks > 0 and is_user), 0) as lacks
    from (
      select rows, courses, lacks,
        case when lacks > 0 then exists (select from "User" u where u.id = "userId") end as is_user
      from (
        select "userId", sum(rows) as rows, count(*) as courses,
          (select count(*) from "Course" where "isPublished")
            - count(*) filter (where "courseId" in (select id from "Course" where "isPublished")) as lacks
        from (${pairs}) pair
        group by "userId"
      ) of_user
    ) judged
  `
}

/** Each user and course once. Where the unique key sees to that, grouping would take as long again for nothing. */
async function pairsOf(db: Database): Promise<RawBuilder<unknown>> {
  return (await hasUniqueKey(db))
    ? sql`select "userId", "courseId", 1 as rows from "Enrollment"`
    : sql`select "userId", "courseId", count(*) as rows from "Enrollment" group by "userId", "courseId"`
}

/**
 * Nobody lacks a course where there are as many enrollments in published courses as users with an enrollment would have
 * together. Counting that takes a third of the time.
 */
async function readIfComplete(db: Database): Promise<Completeness | undefined> {
  const { rows } = await sql<Record<'enrollments' | 'inPublished' | 'users' | 'published', string>>`
    select count(*) as enrollments,
      count(*) filter (where "courseId" in (select id from "Course" where "isPublished")) as "inPublished",
      (select count(*) from "User" u where exists (select from "Enrollment" e where e."userId" = u.id)) as users,
      (select count(*) from "Course" where "isPublished") as published
    from "Enrollment"
  `.execute(db)
  const { enrollments, inPublished, users, published } = only(rows)
  return Number(inPublished) === Number(users) * Number(published)
    ? { enrollments: Number(enrollments), duplicates: 0, partlyEnrolled: 0, missingEnrollments: 0 }
    : undefined
}

async function hasUniqueKey(db: Database): Promise<boolean> {
  const { rows } = await sql`
    select from pg_index i
    where i.indrelid = to_regclass(quote_ident('Enrollment')) and i.indisunique and i.indisvalid
      and i.indpred is null and i.indexprs is null and i.indnkeyatts = 2
      and (select array_agg(a.attname::text order by a.attname) from pg_attribute a
           where a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[0:1])) = '{courseId,userId}'
  `.execute(db)
  return rows.length > 0
}

type UserRow = Record<'users' | 'without' | 'published', string>
type PairRow = Record<'enrollments' | 'duplicates' | 'partly' | 'lacks', string>

function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows
  if (row === undefined) throw new Error('the database returned no row for a count')
  return row
}

function userCoverage(row: UserRow): UserCoverage {
  const users = Number(row.users)
  const withoutEnrollment = Number(row.without)
  const withEnrollment = users - withoutEnrollment
  return {
    users,
    withEnrollment,
    withoutEnrollment,
    coverage: users === 0 ? 100 : Math.floor((withEnrollment * 10_000) / users) / 100,
    publishedCourses: Number(row.published),
  }
}

function completeness(row: PairRow): Completeness {
  return {
    enrollments: Number(row.enrollments),
    duplicates: Number(row.duplicates),
    partlyEnrolled: Number(row.partly),
    missingEnrollments: Number(row.lacks),
  }
}
