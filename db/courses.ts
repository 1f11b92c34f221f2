import type { Database } from './schema.js'

/** How many courses are published now. */
export async function countPublishedCourses(db: Database): Promise<number> {
  const { count } = await db
    .selectFrom('Course')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('isPublished', '=', true)
    .executeTakeFirstOrThrow()
  return Number(count)
}
