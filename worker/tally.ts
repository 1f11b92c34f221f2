import type { Enrolled } from '../db/enrollments.js'
import type { UserCreatedResult } from '../queue/user-created.js'

/** Users and courses that one statement enrolls. */
export interface Block {
  users: readonly string[]
  courses: readonly string[]
}

interface Fault {
  courses: readonly string[]
  error: unknown
  /** The error is that of a larger block; there was no time to find out whether the user is at fault. */
  isGuess: boolean
}

/** What has become of one user. */
export interface Share {
  found: boolean
  enrolled: number
  anyPublished: boolean
  /** Courses that the user could not be enrolled in, and why not. */
  faults: Fault[]
}

/** Adds up what several statements did for the same users. */
export interface Tally {
  passed(users: readonly string[], enrolled: Enrolled): void
  failed(block: Block, error: unknown, isGuess?: boolean): void
  of(userId: string): Share
}

export function createTally(): Tally {
  const shares = new Map<string, Share>()

  function of(userId: string): Share {
    const share = shares.get(userId) ?? { found: false, enrolled: 0, anyPublished: false, faults: [] }
    shares.set(userId, share)
    return share
  }

  return {
    of,
    passed(users, { created, publishedCourses }) {
      for (const userId of users) {
        const [share, enrolled] = [of(userId), created.get(userId)]
        share.found ||= enrolled !== undefined
        share.enrolled += enrolled ?? 0
        share.anyPublished ||= publishedCourses > 0
      }
    },
    failed({ users, courses }, error, isGuess = false) {
      for (const userId of users) of(userId).faults.push({ courses, error, isGuess })
    },
  }
}

export function resultOf({ found, enrolled, anyPublished }: Share): UserCreatedResult {
  if (!found) return { outcome: 'user-not-found', enrolled: 0 }
  if (!anyPublished) return { outcome: 'no-published-courses', enrolled: 0 }
  return enrolled > 0 ? { outcome: 'enrolled', enrolled } : { outcome: 'already-enrolled', enrolled: 0 }
}
