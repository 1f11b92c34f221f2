import { setTimeout as delay } from 'node:timers/promises'
import type { ScenarioDatabase } from './database.js'
import type { SignUps } from './sign-ups.js'
import type { ScenarioOptions } from './stage.js'

/** Each message once, with how often it was logged. */
export function gist(processes: readonly { output(): string }[]): string {
  const counts = new Map<string, number>()
  for (const line of processes.flatMap((process) => process.output().split('\n'))) {
    const [, message = line] = /("err":.*|"msg":.*)/.exec(line) ?? []
    counts.set(message, (counts.get(message) ?? 0) + 1)
  }
  return [...counts].map(([message, count]) => `${count} × ${message.slice(0, 300)}`).join('\n')
}

export function countReports(loads: readonly SignUps[]) {
  const reports = loads.flatMap((load) => load.reports)
  const count = (outcome: string) => reports.filter((report) => report.outcome === outcome).length
  return {
    signUps: reports.length,
    failed: count('failed'),
    notCommitted: count('not committed'),
    longestPublishMs: Math.round(Math.max(0, ...reports.map(({ publishMs }) => publishMs))),
  }
}

/** Users who lack one of the courses that are published now. */
const LACKING_A_PUBLISHED_COURSE = `
  select u.id from "User" u where exists (
    select from "Course" c where c."isPublished"
      and not exists (select from "Enrollment" e where e."userId" = u.id and e."courseId" = c.id)
  )`

export async function everyoneEnrolled(
  database: ScenarioDatabase,
  { lacking = LACKING_A_PUBLISHED_COURSE, recoversWithinMs = 90_000 }: ScenarioOptions,
  faultEndedAt: number,
): Promise<void> {
  const deadline = faultEndedAt + recoversWithinMs
  while (Date.now() < deadline) {
    const [row] = await database
      .sql<{ count: number }>(`select count(*)::int from (${lacking}) lacking`)
      .catch(() => [])
    if (row?.count === 0) return
    await delay(200)
  }
}

export async function readOutcome(
  database: ScenarioDatabase,
  { lacking = LACKING_A_PUBLISHED_COURSE }: ScenarioOptions,
  faultEndedAt: number,
) {
  const [row] = await database.sql<{
    committed: number
    lost: number
    duplicates: number
    last: string | null
  }>(
    `select (select count(*)::int from "User") as committed,
      (select count(*)::int from (${lacking}) lacking) as lost,
      (select count(*) - count(distinct ("userId", "courseId")) from "Enrollment")::int as duplicates,
      (select extract(epoch from max(e."enrolledAt")) * 1000 from "Enrollment" e join "User" u on u.id = e."userId"
        where u."createdAt" <= to_timestamp($1) at time zone 'UTC') as last`,
    [faultEndedAt / 1000],
  )
  if (row === undefined) throw new Error('the database returned no row for a count')
  return {
    committed: row.committed,
    lost: row.lost,
    duplicates: row.duplicates,
    recoveryMs: Math.max(0, Math.round(Number(row.last ?? 0) - faultEndedAt)),
  }
}
