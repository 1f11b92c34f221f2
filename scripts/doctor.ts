import { EXIT_FAILED, runCommand } from './command.js'
import { report } from './doctor/check.js'
import { diagnose } from './doctor/diagnose.js'

await runCommand({
  name: 'doctor',
  description:
    'Checks whether the worker can run and whether people are being enrolled, and says what to do: settings, database, ' +
    'schema, privileges, queue, workers, users without courses, failed jobs, locks and clocks. Changes nothing. Exits 1 if ' +
    'the worker could not run, or if users wait and nothing will enroll them.',
  needs: ['DATABASE_URL', 'QUEUE_URL'],
  async run({ settings, database, queue }) {
    const diagnosis = await diagnose({
      settings,
      db: database(settings.DATABASE_URL),
      queue: queue(settings.QUEUE_URL),
    })
    return {
      text: report(diagnosis),
      json: diagnosis,
      exitCode: diagnosis.ok ? 0 : EXIT_FAILED,
    }
  },
})
