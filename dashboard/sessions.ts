import { randomBytes } from 'node:crypto'
import type { Person } from './person.js'

export const SESSION_COOKIE = 'auto_enroll_session'
/** A working day. */
export const SESSION_SECONDS = 12 * 60 * 60

/** Who is logged in, in this process: a restart logs everybody out. */
export interface Sessions {
  /** @returns the session's secret id, for the cookie */
  start(person: Person): string
  find(id: string | undefined): Person | undefined
  end(id: string | undefined): void
}

export function createSessions(): Sessions {
  const sessions = new Map<string, { person: Person; endsAt: number }>()
  return {
    start(person) {
      for (const [id, { endsAt }] of sessions) if (endsAt < Date.now()) sessions.delete(id)
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
