/**
 * The original design's helper in a separate process, 50 calls at once and no queue: it reads the published courses, builds
 * the rows, and inserts those that are missing. It runs as written in that design (`prisma`), or rewritten with Kysely
 * (`kysely`) or with only pg (`pg`). Each message is an array of user ids; the reply is the seconds it took.
 */
import { randomUUID } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { ORIGINAL_DESIGN } from '../original-design.js'

const AT_ONCE = 50

interface Tables {
  Course: { id: string; isPublished: boolean }
  Enrollment: { id: string; userId: string; courseId: string; status: string; enrolledAt: string }
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })

async function enrollOverKysely(userId: string): Promise<void> {
  const courses = await db.selectFrom('Course').select('id').where('isPublished', '=', true).execute()
  if (courses.length === 0) return
  const enrolledAt = new Date().toISOString()
  const rows = courses.map(({ id }) => ({
    id: randomUUID(),
    userId,
    courseId: id,
    status: 'active',
    enrolledAt,
  }))
  await db
    .insertInto('Enrollment')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

async function enrollOverPg(userId: string): Promise<void> {
  const { rows: courses } = await pool.query<{ id: string }>(
    'select id from "Course" where "isPublished" = true',
  )
  if (courses.length === 0) return
  const enrolledAt = new Date().toISOString()
  const values = courses.flatMap(({ id }) => [randomUUID(), userId, id, 'active', enrolledAt])
  const rows = courses.map(
    (_, row) => `(${[1, 2, 3, 4, 5].map((column) => `$${row * 5 + column}`).join(', ')})`,
  )
  await pool.query(
    `insert into "Enrollment" (id, "userId", "courseId", status, "enrolledAt") values ${rows.join(', ')}
     on conflict do nothing`,
    values,
  )
}

async function enrollerOver(layer: string | undefined): Promise<(userId: string) => Promise<void>> {
  if (layer === 'pg') return enrollOverPg
  if (layer === 'kysely') return enrollOverKysely
  const original = await import(`${ORIGINAL_DESIGN}enrollment.js`)
  return original.autoEnrollNewUser
}

const autoEnrollNewUser = await enrollerOver(process.argv[2])

async function enrollAll(userIds: string[]): Promise<void> {
  const callers = Array.from({ length: AT_ONCE }, async () => {
    for (let userId = userIds.pop(); userId !== undefined; userId = userIds.pop())
      await autoEnrollNewUser(userId)
  })
  await Promise.all(callers)
}

process.on('message', async (userIds: string[]) => {
  const startedAt = performance.now()
  await enrollAll(userIds)
  process.send?.((performance.now() - startedAt) / 1000)
})
process.once('SIGTERM', () => process.exit())
