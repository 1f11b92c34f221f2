import type { Hono } from 'hono'
import type { Logger } from '../config/log.js'
import type { Database } from '../db/schema.js'
import type { EventQueue } from '../queue/open.js'
import type { Access } from './access.js'
import type { Actions } from './actions.js'
import type { Samples } from './samples.js'
import type { StateReader } from './state.js'
import type { UserLookup } from './user-lookup.js'
import type { VerdictContext } from './verdict/facts.js'

/** What the pages need. */
export interface DashboardContext {
  db: Database
  queue: EventQueue
  access: Access
  reader: StateReader
  samples: Samples
  actions: Actions
  lookUp: UserLookup
  /** `/healthz`, `/readyz` and `/metrics`, which name nobody. */
  health: Hono
  settings: Omit<VerdictContext, 'now'>
  log: Logger
}
