import { setTimeout as delay } from 'node:timers/promises'
import pLimit, { type LimitFunction } from 'p-limit'
import type { UserCreatedResult } from '../queue/user-created.js'
import { faultOf, InterruptedError, PutOffError, permanent } from './errors.js'
import { narrow } from './narrow.js'
import type { Patience, Statements } from './statements.js'
import { type Block, createTally, resultOf, type Share, type Tally } from './tally.js'

/** How many users are held up at the moment, and why the one who has waited longest is. */
export interface HeldUp {
  users: number
  error: unknown
}

export interface HeldOptions {
  statements: Statements
  /** Ends every wait. */
  signal?: AbortSignal
  /** Called after each round in which users were held up, and with 0 users when nobody is any more. */
  onRound?: (held: HeldUp) => void
}

/** A user who is held up. */
interface Held {
  userId: string
  /** In these courses, or in every one that is published. */
  courses: Set<string> | 'all'
  share: Share
  error: unknown
  /** Why some other course can never be given. */
  refusal?: unknown
  /** Whether the user may well not be at fault. */
  isGuess: boolean
  /** Rounds one after the other in which a statement for the user alone took too long. */
  slowRounds: number
  resolve: (result: UserCreatedResult) => void
  reject: (error: Error) => void
}

/** Jobs that wait in this process; more of them are put off, and come back. */
const MOST_HELD = 500
const MOST_PUT_OFF = 10_000

/** A statement that waits in Postgres gets the row as soon as it is free, and the server can say who blocks it. */
const PATIENT = { lockTimeoutMs: 1000, statementTimeoutMs: 2000 }
/** To find the few who are no longer locked among many who are. */
const BRIEF = { lockTimeoutMs: 10, statementTimeoutMs: 2000 }
/** For a user who needs more, one at a time. */
const VERY_PATIENT = { lockTimeoutMs: 1000, statementTimeoutMs: 20_000 }
const STUBBORN_AFTER_ROUNDS = 2
/** Connections that held users may take, beside the one for those who need long. */
const AT_ONCE = 2
const ROUND_LIMIT_MS = 2000
/** Between rounds that changed nothing: a second, and up to five while nobody joins and nobody waits for a lock. */
const SHORTEST_PAUSE_MS = 100
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 5000

/**
 * Keeps users who are held up by a lock, or by a fault that may pass, apart from everyone else, and tries them again and
 * again on connections of their own until they are enrolled.
 */
export function createHeld({ statements, signal, onRound }: HeldOptions) {
  const held = new Map<string, Held>()
  /** Users for whom there was no place, and why they are held up. */
  const putOff = new Map<string, unknown>()
  /** Courses that somebody got in the last round. */
  const given = new Set<string>()
  /** Courses for which users are about to be held. */
  const suspected = new Map<string, unknown>()
  const limit = pLimit(AT_ONCE)
  let running = false
  /** Cuts the pause between two rounds short. */
  let hurry = new AbortController()
  let isTryingStubborn = false

  return {
    /** Why a user is known to be held up. */
    reason: (userId: string): unknown => held.get(userId)?.error ?? putOff.get(userId),
    courses: heldCourses,
    /** Keeps a course from everyone until the next round, because users are about to be held who failed in it. */
    suspect: (course: string, error: unknown): void => void suspected.set(course, error),
    /**
     * Takes over a user with what became of them so far.
     *
     * @throws {PutOffError} when there is no place for them
     * @throws {InterruptedError} when the signal ends the wait
     */
    hold(user: Omit<Held, 'resolve' | 'reject' | 'slowRounds'>): Promise<UserCreatedResult> {
      if (signal?.aborted) return Promise.reject(new InterruptedError(user.error))
      if (held.has(user.userId) || held.size >= MOST_HELD) {
        if (putOff.size < MOST_PUT_OFF) putOff.set(user.userId, user.error)
        return Promise.reject(new PutOffError(user.error))
      }
      putOff.delete(user.userId)
      return new Promise((resolve, reject) => {
        held.set(user.userId, { ...user, slowRounds: 0, resolve, reject })
        if (user.isGuess) hurry.abort()
        if (!running) void keepTrying()
      })
    },
  }

  /** Courses that two users or more wait for, and nobody got in the last round; with why. */
  function heldCourses(): Map<string, unknown> {
    const [once, often] = [new Set<string>(), new Map(suspected)]
    for (const { courses, error } of held.values()) {
      if (courses === 'all') continue
      for (const course of courses) {
        if (once.has(course) && !given.has(course)) often.set(course, error)
        once.add(course)
      }
    }
    return often
  }

  async function keepTrying(): Promise<void> {
    running = true
    let pauseMs = FIRST_PAUSE_MS
    // Others of the same batch are about to be held.
    await pause(SHORTEST_PAUSE_MS)
    while (held.size > 0 && !signal?.aborted) {
      const [before, startedAt] = [held.size, performance.now()]
      hurry = new AbortController()
      await tryAll().catch(() => undefined)
      const [first] = held.values()
      onRound?.({ users: held.size, error: first?.error })
      if (first === undefined) break
      pauseMs = held.size < before ? FIRST_PAUSE_MS : Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)
      await pause(Math.max(SHORTEST_PAUSE_MS, FIRST_PAUSE_MS - (performance.now() - startedAt)))
      const isWaitingInPostgres = faultOf(first.error) === 'locked'
      if (!isWaitingInPostgres) await pause(pauseMs - (performance.now() - startedAt), hurry.signal)
    }
    running = false
    given.clear()
    putOff.clear()
    for (const { userId, reject, error } of [...held.values()]) {
      held.delete(userId)
      reject(new InterruptedError(error))
    }
  }

  async function pause(ms: number, ...ends: AbortSignal[]): Promise<void> {
    const ended = AbortSignal.any(signal === undefined ? ends : [signal, ...ends])
    await delay(Math.max(0, ms), undefined, { signal: ended }).catch(() => undefined)
  }

  /** One round: those who wait for everything, and those who wait for one course, for each course. */
  async function tryAll(): Promise<void> {
    const waiting = [...held.values()].filter((user) => !isStubborn(user))
    // The latest is the least likely to be locked; the others take turns, since only a few are tried alone.
    const all = [...waiting.slice(-1), ...waiting.slice(0, -1).toSorted(() => Math.random() - 0.5)]
    const published = await statements.publishedCourses()
    if (!isTryingStubborn) void tryStubborn(published)
    suspected.clear()
    const everywhere = all.filter(({ courses }) => courses === 'all')
    const wanted = new Set(all.flatMap(({ courses }) => (courses === 'all' ? [] : [...courses])))
    await Promise.all([
      tryGroups(everywhere, published),
      ...[...wanted].map(async (course) => {
        const group = all.filter(({ courses }) => courses !== 'all' && courses.has(course))
        if (await tryGroups(group, [course])) given.add(course)
        else given.delete(course)
      }),
    ])
  }

  /** Those who may not be at fault do not wait for those who are. Returns whether somebody was enrolled. */
  async function tryGroups(users: readonly Held[], courses: readonly string[]): Promise<boolean> {
    const gotIt = await Promise.all([
      tryGroup(
        users.filter(({ isGuess }) => isGuess),
        courses,
        BRIEF,
      ),
      tryGroup(
        users.filter(({ isGuess }) => !isGuess),
        courses,
        PATIENT,
      ),
    ])
    return gotIt.includes(true)
  }

  /** The one of those who need long that has waited longest since the last try. */
  async function tryStubborn(published: readonly string[]): Promise<void> {
    const user = [...held.values()].find(isStubborn)
    if (user === undefined) return
    isTryingStubborn = true
    const courses = user.courses === 'all' ? published : [...user.courses]
    const tally = createTally()
    await tryBlock({ users: [user.userId], courses }, tally, pLimit(1), VERY_PATIENT, VERY_PATIENT)
      .then(() => {
        held.delete(user.userId)
        held.set(user.userId, user)
        update(user, tally.of(user.userId), courses)
      })
      .catch(() => undefined)
    isTryingStubborn = false
  }

  async function tryGroup(
    group: readonly Held[],
    courses: readonly string[],
    patience: Patience,
  ): Promise<boolean> {
    const tally = createTally()
    const size = statements.usersAtOnce(courses.length)
    // Those who wait for everything are not to wait for these as well.
    const except = courses.length > 1 ? [...heldCourses()].filter(([course]) => courses.includes(course)) : []
    const tried = courses.filter((course) => !except.some(([held]) => held === course))
    const blocks = Array.from({ length: Math.ceil(group.length / size) }, (_, index) => ({
      users: group.slice(index * size, (index + 1) * size).map(({ userId }) => userId),
      courses: tried,
    }))
    for (const { users } of blocks)
      for (const [course, error] of except) tally.failed({ users, courses: [course] }, error, true)
    // All of them at once would take too long again.
    const knownError = group.find(({ error }) => faultOf(error) === 'slow')?.error
    await Promise.all(blocks.map((block) => tryBlock(block, tally, limit, patience, BRIEF, knownError)))
    let gotIt = false
    for (const user of group) {
      const share = tally.of(user.userId)
      gotIt ||= share.enrolled > 0
      update(user, share, courses)
    }
    return gotIt
  }

  async function tryBlock(
    block: Block,
    tally: Tally,
    turns: LimitFunction,
    whole: Patience,
    parts: Patience,
    knownError?: unknown,
  ): Promise<void> {
    const attempt = (patience: Patience) => (part: Block) =>
      turns(async () => tally.passed(part.users, await statements.enrollIn(part, patience)))
    try {
      if (knownError !== undefined && block.users.length > 1) throw knownError
      await attempt(whole)(block)
    } catch (error) {
      if (error instanceof InterruptedError) throw error
      const lateAt = performance.now() + ROUND_LIMIT_MS
      await narrow(block, error, {
        attempt: attempt(parts),
        tally,
        isLate: () => performance.now() > lateAt,
        usersAtOnce: (count) => statements.usersAtOnce(count),
        trustsSample: true,
      })
    }
  }

  /** Adds what a round did for a user, who is no longer held up when nothing is left to try. */
  function update(
    user: Held,
    { found, enrolled, anyPublished, faults }: Share,
    tried: readonly string[],
  ): void {
    const { share } = user
    share.found ||= found
    share.enrolled += enrolled
    share.anyPublished ||= anyPublished
    user.refusal ??= faults.find(({ error }) => faultOf(error) === 'refused')?.error
    const waiting = faults.filter(({ error }) => faultOf(error) !== 'refused')
    user.error = waiting[0]?.error ?? user.error
    user.isGuess = waiting.some(({ isGuess }) => isGuess)
    user.slowRounds = faultOf(user.error) === 'slow' ? user.slowRounds + 1 : 0
    const left = new Set(waiting.flatMap(({ courses }) => courses))
    if (user.courses === 'all') user.courses = waiting.length > 0 && left.size === tried.length ? 'all' : left
    else for (const course of tried) if (!left.has(course)) user.courses.delete(course)
    if (user.courses === 'all' || user.courses.size > 0) return
    held.delete(user.userId)
    if (user.refusal === undefined) user.resolve(resultOf(share))
    else user.reject(permanent(user.refusal))
  }
}

export type HeldUsers = ReturnType<typeof createHeld>

function isStubborn({ slowRounds }: Held): boolean {
  return slowRounds >= STUBBORN_AFTER_ROUNDS
}
