import { randomBytes } from 'node:crypto'
import type { Person } from './person.js'

export const SESSION_COOKIE = 'auto_enroll_session'
/** A working day. */
export const SESSION_SECONDS = 12 * 60 * 60
const SESSIONS_OF_ONE_PERSON = 100

/** Who is logged in, in this process: a restart logs everybody out. */
export interface Sessions {
  /**
   * Each person has at most 100 sessions; a new one ends their oldest.
   *
   * @returns the session's secret id, for the cookie
   */
  start(person: Person): string
  find(id: string | undefined): Person | undefined
  end(id: string | undefined): void
}

export function createSessions(): Sessions {
  /** In the order in which they started. */
  const sessions = new Map<string, { person: Person; endsAt: number }>()

  function endOldSessionsOf(name: string): void {
    const now = Date.now()
    for (const [id, { endsAt }] of sessions) if (endsAt < now) sessions.delete(id)
    const own = [...sessions].filter(([, { person }]) => person.name === name)
    for (const [id] of own.slice(0, Math.max(0, own.length - SESSIONS_OF_ONE_PERSON + 1))) sessions.delete(id)
  }

  return {
    start(person) {
      endOldSessionsOf(person.name)
      const id = randomBytes(32).toString('base64url')
      sessions.set(id, { person, endsAt: Date.now() + SESSION_SECONDS * 1000 })
      return id
    },
    find(id) {
      const session = sessions.get(id ?? '')
      return session !== undefined && session.endsAt >= Date.now() ? session.person : undefined
    },
    end(id) {
      sessions.delete(id ?? '')
    },
  }
}
