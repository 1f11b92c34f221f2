import { sql, type Transaction } from 'kysely'
import { type Schema, TABLES } from '../schema.js'

/**
 * Creates the three tables as `prisma migrate` would, if the database has none of them.
 *
 * @returns whether they were created
 * @throws {Error} if some of them exist and others do not, or if the schema to create them in does not exist
 */
export async function createApplicationTables(tx: Transaction<Schema>): Promise<boolean> {
  const { rows } = await sql<{ name: string }>`
    select name from unnest(${sql.val([...TABLES])}::text[]) as name where to_regclass(quote_ident(name)) is not null
  `.execute(tx)
  if (rows.length === TABLES.length) return false
  if (rows.length > 0) {
    const missing = TABLES.filter((table) => !rows.some((row) => row.name === table))
    throw new Error(
      `the database has "${rows.map((row) => row.name).join('", "')}" but not "${missing.join('", "')}"; ` +
        'migrate makes all three in an empty database and alters nothing that exists: let the application make its own',
    )
  }
  await requireSchema(tx)
  for (const statement of PRISMA_DDL) await sql.raw(statement).execute(tx)
  return true
}

async function requireSchema(tx: Transaction<Schema>): Promise<void> {
  const { rows } = await sql<{ path: string; exists: boolean }>`
    select current_setting('search_path') as path, current_schema() is not null as exists
  `.execute(tx)
  if (rows[0]?.exists === true) return
  throw new Error(`there is no schema ${rows[0]?.path} to make the tables in; create it first`)
}

const PRISMA_DDL = [
  `CREATE TABLE "User" (
    "id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "passwordHash" TEXT,
    "image" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastLoginAt" TIMESTAMP(3),
    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE TABLE "Course" (
    "id" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "isPublished" BOOLEAN NOT NULL DEFAULT false,
    CONSTRAINT "Course_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE TABLE "Enrollment" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "courseId" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'active',
    "enrolledAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "Enrollment_pkey" PRIMARY KEY ("id")
  )`,
  'CREATE UNIQUE INDEX "User_email_key" ON "User"("email")',
  'CREATE UNIQUE INDEX "Enrollment_userId_courseId_key" ON "Enrollment"("userId", "courseId")',
  `ALTER TABLE "Enrollment" ADD CONSTRAINT "Enrollment_userId_fkey"
    FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE`,
  `ALTER TABLE "Enrollment" ADD CONSTRAINT "Enrollment_courseId_fkey"
    FOREIGN KEY ("courseId") REFERENCES "Course"("id") ON DELETE CASCADE ON UPDATE CASCADE`,
]
