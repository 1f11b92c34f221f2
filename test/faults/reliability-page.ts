import type { Figures } from './figures.js'

type Row = Figures & { passed: boolean }

/** `docs/reliability.md`: the promise, what it rests on, what is not promised, and what the last run found. */
export function reliabilityPage(rows: readonly Row[]): string {
  return `${PROSE}
## What the last run found

Each row is a scenario that was played on real servers with real processes, while people signed up at a steady rate. *Longest
publish* is the longest that a sign-up waited for publishing; *recovery* runs from the end of the fault to the last
enrollment of somebody who had signed up by then. On a machine that is busy breaking things every timer fires late, so the
suite holds each publish to a plain timer of \`PUBLISH_TIMEOUT_MS\` that is set at the same moment, here 250 ms.

| scenario | sign-ups | failed | not committed | longest publish | users | lost | doubled | jobs left failed | recovery |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |
${rows.map(tableRow).join('\n')}
`
}

function tableRow(row: Row): string {
  return `| ${[
    `${row.passed ? '✓' : '✗'} ${row.scenario}`,
    row.signUps,
    row.failed,
    row.notCommitted,
    `${row.longestPublishMs} ms`,
    row.committed,
    row.lost,
    row.duplicates,
    row.failedJobs,
    `${(row.recoveryMs / 1000).toFixed(1)} s`,
  ].join(' | ')} |`
}

const PROSE = `<!-- Written by npm run test:faults. -->
# Reliability

## The promise

- **Sign-up never waits for enrolling and never fails because of it.** Publishing takes at most \`PUBLISH_TIMEOUT_MS\`, throws
  nothing, and costs nothing for a while after repeated failures.
- **Nobody is lost.** Whoever is committed is enrolled in every published course, whatever breaks on the way.
- **Nobody is enrolled twice,** and an enrollment that exists is never touched.

## What it rests on

- **Postgres is the truth.** The queue may be wiped at any moment: the reconciler looks for users without any enrollment and
  queues them again.
- **Delivery is at least once, and enrolling is idempotent.** The unique key on \`"Enrollment" ("userId", "courseId")\` decides,
  not the queue. A job whose worker died runs again on another.
- **Every wait is bounded.** The publisher has a deadline and a circuit breaker; connections that do not answer are dropped
  and opened anew; stopping takes at most \`SHUTDOWN_TIMEOUT_MS\`.
- **An outage costs no attempts.** While the database is away, jobs stay active in the worker and go on when it answers.

## What is not promised

- A sign-up needs the database: while Postgres cannot commit, nobody can sign up. Such sign-ups are *not committed* below.
- Somebody who has at least one enrollment is not looked for by the reconciler: should the queue be lost in the moment
  between an enrollment made by hand and the event, that user has the one made by hand and no other.
- A course published after a user was enrolled gets no enrollment of that user.
- When the queue is wiped, users wait for the next round of the reconciler: \`RECONCILE_INTERVAL_MS\`.
- A worker that was killed leaves its active jobs locked for 15 to 20 s, as does an answer of the queue that got lost; they run after that.
- The backend on Postgres shares the fate of its server: a sign-up that can be committed can then nearly always be published.
`
