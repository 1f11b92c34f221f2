import type { Figures } from './figures.js'

type Row = Figures & { passed: boolean }

/** `docs/reliability.md`: the promises, what they rest on, what is not promised, and the results of the last run. */
export function reliabilityPage(rows: readonly Row[]): string {
  return `${PROSE}
## Results of the last run

Each row is a scenario that ran on real servers with real processes, while people signed up at a steady rate. *Longest publish*
is the longest time that a sign-up waited for publishing. *Recovery* is the time from the end of the fault to the last enrollment
of anyone who had signed up by then. On a machine this busy, every timer fires late. So the suite compares each publish with a
plain timer of \`PUBLISH_TIMEOUT_MS\` (here 250 ms) that starts at the same moment.

| scenario | sign-ups | failed | not committed | longest publish | users | lost | enrolled twice | jobs left failed | recovery |
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

## The promises

- **Sign-up never waits for enrolling and never fails because of it.** Publishing takes at most \`PUBLISH_TIMEOUT_MS\`, never
  throws, and costs nothing for a while after repeated failures.
- **Nobody is lost.** Every committed user is enrolled in all published courses, whatever breaks on the way.
- **Nobody is enrolled twice,** and an existing enrollment is never changed.

## What they rest on

- **Postgres is the truth.** You can wipe the queue at any time: the reconciler looks for users who have no enrollment and queues
  them again.
- **Delivery is at least once, and enrolling is idempotent.** The unique key on \`"Enrollment" ("userId", "courseId")\` prevents
  duplicates, not the queue. A job whose worker died runs again on another worker.
- **Every wait has a limit.** The publisher has a deadline and a circuit breaker. Connections that do not respond are dropped and
  reopened. Stopping takes at most \`SHUTDOWN_TIMEOUT_MS\`.
- **One bad row does not stop everyone.** A batch that fails or waits is narrowed down to the users and courses at fault. They wait or fail
  alone; everyone else is enrolled.
- **An outage costs no attempts.** While the database is down, jobs stay active in the worker and continue when it is back.

## What is not promised

- A sign-up needs the database. While Postgres cannot commit, nobody can sign up. The table counts such sign-ups as *not committed*.
- The reconciler does not look for users who already have an enrollment. If the queue is lost between an enrollment made by hand
  and the worker's, that user keeps only the one made by hand.
- A course published after a user was enrolled is not added to that user.
- When the queue is wiped, users wait for the next round of the reconciler (\`RECONCILE_INTERVAL_MS\`).
- When a worker is killed, or a reply from the queue is lost, the worker's active jobs stay locked for 15 to 20 s and run after that.
- With the queue on Postgres, queue and database fail together: if a sign-up can be committed, it can nearly always be published.
`
