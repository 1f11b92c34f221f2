import { faultOf, InterruptedError } from './errors.js'
import type { Block, Tally } from './tally.js'

export interface Search {
  /** Enrolls a block in one statement and adds it to the tally. */
  attempt(block: Block): Promise<void>
  tally: Tally
  /** Whether it has taken long enough: what is still in doubt then counts as failed, unless it is refused. */
  isLate(): boolean
  /** Called for a course that a few users failed in who failed in no other, for a reason that may pass. */
  onSuspect?(course: string, error: unknown): void
  /** Users that a statement may name. */
  usersAtOnce(courses: number): number
  /** Whether a course that none of a few users can be enrolled in is not tried for the others. */
  trustsSample?: boolean
  /** Whether a lock that stops a user alone is assumed to stop them in every course, which finds the others sooner. */
  blamesUsers?: boolean
}

const PARTS = 8
/** Users who are tried alone to see what is at fault. */
const SAMPLE = 3

/**
 * Enrolls all that can be enrolled of a block whose statement failed with `error`, and adds to the tally what failed and
 * why. A few users are tried alone: if they fail in some courses, those are at fault and are tried apart; otherwise some
 * of the users are, and the others are halved and halved again, by more than two.
 */
export async function narrow(block: Block, error: unknown, search: Search): Promise<void> {
  const { users, courses } = block
  const isEnough = courses.length === 1 || (search.blamesUsers === true && isLock(error))
  if (users.length === 1 && isEnough) return search.tally.failed(block, error)
  return users.length === 1 ? narrowCourses(block, error, search) : narrowUsers(block, error, search)
}

async function narrowCourses(block: Block, error: unknown, search: Search): Promise<void> {
  if (isRefusal(error)) {
    // An id that "User"."id" cannot have is refused without any course.
    const isUserRefused = await search.attempt({ ...block, courses: [] }).then(() => false, isRefusal)
    if (isUserRefused) return search.tally.failed(block, error)
  }
  return tryEach(splitByCourse(block), error, search)
}

async function narrowUsers({ users, courses }: Block, error: unknown, search: Search): Promise<void> {
  const sampled = users.length > 2 * SAMPLE ? SAMPLE : users.length
  const [sample, rest] = [users.slice(0, sampled), users.slice(sampled)]
  await tryEach(
    sample.map((user) => ({ users: [user], courses })),
    error,
    search,
  )
  if (rest.length === 0) return
  const failures = sample.map((user) => failedCourses(user, courses, search.tally))
  const suspects = new Set(
    failures.filter((failed) => failed.size < courses.length).flatMap((failed) => [...failed.keys()]),
  )
  if (suspects.size > 0) {
    const others = courses.filter((course) => !suspects.has(course))
    await Promise.all([
      ...(others.length > 0 ? [tryBlock({ users: rest, courses: others }, error, search)] : []),
      ...[...suspects].map((course) => tryCourse(rest, course, failures, error, search)),
    ])
  } else if (courses.length === 1 && failures.every((failed) => failed.size > 0)) {
    await afterWholeSampleFailed({ users: rest, courses }, sample, error, search)
  } else {
    const blamesUsers = failures.some((failed) => failed.size > 0 && [...failed.values()].every(isLock))
    await tryEach(splitByUser({ users: rest, courses }, search), error, { ...search, blamesUsers })
  }
}

/** Tries a course for the rest, unless the sample leaves no doubt. */
function tryCourse(
  users: readonly string[],
  course: string,
  failures: readonly Map<string, unknown>[],
  error: unknown,
  search: Search,
): Promise<void> {
  const errors = failures.filter((failed) => failed.has(course)).map((failed) => failed.get(course))
  const block = { users, courses: [course] }
  if (errors.length === failures.length && errors.length > 1 && !errors.some(isRefusal)) {
    search.onSuspect?.(course, errors[0])
    search.tally.failed(block, errors[0])
    return Promise.resolve()
  }
  return tryBlock(block, error, search)
}

/** One course, which none of the sample could be enrolled in. */
async function afterWholeSampleFailed(
  block: Block,
  sample: readonly string[],
  error: unknown,
  search: Search,
): Promise<void> {
  const reason = sample.map((user) => search.tally.of(user).faults.at(-1)?.error).at(0) ?? error
  // A refusal costs no wait, and who is refused is worth knowing exactly.
  if (isRefusal(reason)) return tryEach(splitByUser(block, search, block.users.length), reason, search)
  if (search.trustsSample) return search.tally.failed(block, reason)
  return tryEach(splitByUser(block, search), reason, search)
}

async function tryEach(blocks: readonly Block[], error: unknown, search: Search): Promise<void> {
  await Promise.all(blocks.map((block) => tryBlock(block, error, search)))
}

async function tryBlock(block: Block, parentError: unknown, search: Search): Promise<void> {
  if (search.isLate() && !isRefusal(parentError)) return search.tally.failed(block, parentError, true)
  try {
    await search.attempt(block)
  } catch (error) {
    if (error instanceof InterruptedError) throw error
    await narrow(block, error, search)
  }
}

function isLock(error: unknown): boolean {
  return faultOf(error) === 'locked'
}

function isRefusal(error: unknown): boolean {
  return faultOf(error) === 'refused'
}

/** The courses of the block that the user has failed in, with why. */
function failedCourses(user: string, courses: readonly string[], tally: Tally): Map<string, unknown> {
  const failed = new Map(
    tally.of(user).faults.flatMap((fault) => fault.courses.map((course) => [course, fault.error] as const)),
  )
  return new Map([...failed].filter(([course]) => courses.includes(course)))
}

function splitByCourse({ users, courses }: Block): Block[] {
  return chunks(courses, Math.ceil(courses.length / PARTS)).map((part) => ({ users, courses: part }))
}

function splitByUser({ users, courses }: Block, search: Search, parts = PARTS): Block[] {
  const size = Math.min(Math.ceil(users.length / parts), search.usersAtOnce(courses.length))
  return chunks(users, size).map((part) => ({ users: part, courses }))
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}
