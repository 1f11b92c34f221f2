import { EXIT_FAILED, runCommand } from './command.js'
import { report } from './doctor/check.js'
import { diagnose } from './doctor/diagnose.js'

await runCommand({
  name: 'doctor',
  description:
    'Checks settings, database, schema, privileges, queue and clocks, and says what to do. Changes nothing. Exits 1 only ' +
    'if the worker could not run.',
  needs: ['DATABASE_URL', 'QUEUE_URL'],
  async run({ settings, database, queue }) {
    const diagnosis = await diagnose({
      settings,
      db: database(settings.DATABASE_URL),
      queue: queue(settings.QUEUE_URL),
    })
    return {
      text: report(diagnosis.checks),
      json: diagnosis,
      exitCode: diagnosis.ok ? 0 : EXIT_FAILED,
    }
  },
})
