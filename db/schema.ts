import type { ColumnType, Generated, Kysely } from 'kysely'

/**
 * The application's three tables as Prisma's defaults make them. Ids are text here, whatever the type of the column;
 * statements cast them (see `columns.ts`). Timestamps are written by expressions and never read as JavaScript dates,
 * because `timestamp` without zone would be read in the process's zone.
 */
export interface Schema {
  User: {
    id: string
    email: string
    name: string
    passwordHash: string | null
    image: string | null
    createdAt: Generated<Instant>
    lastLoginAt: Instant | null
  }
  Course: {
    id: string
    title: string
    isPublished: Generated<boolean>
  }
  Enrollment: {
    id: string
    userId: string
    courseId: string
    status: string
    enrolledAt: Generated<Instant>
  }
}

type Instant = ColumnType<never, never, never>

/** A connection pool on the application's database, with statements typed by `Schema`. */
export type Database = Kysely<Schema>

export const TABLES = ['User', 'Course', 'Enrollment'] as const
export type TableName = (typeof TABLES)[number]
