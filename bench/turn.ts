import type { Database } from '../db/schema.js'
import { assertEveryoneEnrolled, forgetEnrollments } from './application.js'
import { cpuSeconds, machineCpuSeconds } from './cpu.js'
import type { BenchProcess } from './process.js'
import type { Servers } from './servers.js'

/** What was measured of a contestant in one round. */
export interface Sample {
  usersPerSecond: number
  /** Microseconds of CPU time per user, by process. */
  cpu: { node: number; redis: number; postgres: number }
  /** Cores busy on the whole machine, in any process. */
  busyCores: number
}

export type Turn = () => Promise<Sample>

interface TurnOptions {
  servers: Servers
  db: Database
  users: number
  /** Courses that everyone must have in the end; 0 if nobody is enrolled. */
  courses: number
  /** The Node processes that do the work. */
  children: readonly BenchProcess[]
  /** Resolves with the seconds that it took. */
  run: () => Promise<number>
}

/** One timed turn, from nobody enrolled to everyone, with the CPU time it took. */
export function timedTurn({ servers, db, users, courses, children, run }: TurnOptions): Turn {
  const used = () => ({
    node: children.reduce((sum, child) => sum + cpuSeconds(child.pid), 0),
    redis: cpuSeconds(servers.pids.redis),
    postgres: cpuSeconds(servers.pids.postgres),
    machine: machineCpuSeconds(),
  })
  return async () => {
    await forgetEnrollments(db)
    const [before, startedAt] = [used(), performance.now()]
    const seconds = await run()
    const [after, wallSeconds] = [used(), (performance.now() - startedAt) / 1000]
    if (courses > 0) await assertEveryoneEnrolled(db, users, courses)
    const perUser = (key: keyof typeof after) => ((after[key] - before[key]) / users) * 1e6
    return {
      usersPerSecond: users / seconds,
      cpu: { node: perUser('node'), redis: perUser('redis'), postgres: perUser('postgres') },
      busyCores: (after.machine - before.machine) / wallSeconds,
    }
  }
}
