import { count } from '../dashboard/words.js'
import { columnsOf } from '../db/columns.js'
import { type Coverage, readCoverage } from '../db/coverage.js'
import { EXIT_FAILED, runCommand } from './command.js'

await runCommand({
  name: 'verify',
  description:
    'Counts users with and without an enrollment, and duplicates. Exits 1 if anyone has no enrollment or is enrolled ' +
    'twice; while no course is published, nobody can be missing.',
  needs: ['DATABASE_URL'],
  async run({ settings, database }) {
    const db = database(settings.DATABASE_URL)
    await columnsOf(db)
    const coverage = await readCoverage(db)
    const missing = coverage.publishedCourses > 0 && coverage.withoutEnrollment > 0
    const ok = !missing && coverage.duplicates === 0
    return {
      text: [
        `users               ${coverage.users}`,
        `  with enrollment   ${coverage.withEnrollment}`,
        `  without           ${coverage.withoutEnrollment}`,
        `coverage            ${coverage.coverage} %`,
        `enrollments         ${coverage.enrollments}`,
        `published courses   ${coverage.publishedCourses}`,
        `duplicates          ${coverage.duplicates}`,
        `lack some courses   ${coverage.partlyEnrolled}`,
        verdict(ok, missing, coverage),
      ].join('\n'),
      json: { ok, ...coverage },
      exitCode: ok ? 0 : EXIT_FAILED,
    }
  },
})

function verdict(ok: boolean, missing: boolean, { publishedCourses, partlyEnrolled }: Coverage): string {
  if (ok && publishedCourses === 0) return '✓ no course is published, so there is nothing to enroll in'
  if (ok && partlyEnrolled > 0)
    return `✓ everyone has a course, nobody twice; ${count(partlyEnrolled, 'user')} lack courses published later`
  if (ok) return '✓ everyone is enrolled, nobody twice'
  if (missing) return '✗ someone is missing: npm run backfill queues them'
  return '✗ someone is enrolled twice: the unique key on "Enrollment" ("userId", "courseId") is missing; see npm run doctor'
}
