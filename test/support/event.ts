import type { Source, UserCreated } from '../../queue/user-created.js'

/** An event like the producers'. */
export function event(userId: string, source: Source = 'credentials'): UserCreated {
  return { v: 1, userId, source, occurredAt: new Date().toISOString() }
}
