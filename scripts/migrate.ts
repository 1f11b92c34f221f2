import { migrate } from '../db/migrate.js'
import { migrateQueue } from '../queue/migrate.js'
import { runCommand } from './command.js'

await runCommand({
  name: 'migrate',
  description:
    'Makes the three tables in an empty database, the audit log in a schema of its own, and the queue’s own schema ' +
    'where the queue is on Postgres. Alters nothing that exists; safe to run twice and at the same time.',
  needs: ['DATABASE_URL'],
  async run({ settings, database }) {
    const { created, auditCreated } = await migrate(database(settings.DATABASE_URL))
    const queueSchema =
      settings.QUEUE_URL === undefined
        ? undefined
        : await migrateQueue(settings.QUEUE_URL, settings.QUEUE_PREFIX)
    return {
      text: [
        created
          ? 'The tables "User", "Course" and "Enrollment" were made.'
          : 'The tables exist; nothing was altered.',
        ...(auditCreated ? ['The audit log was made, in the schema "auto_enroll".'] : []),
        ...(queueSchema === undefined ? [] : [`The queue's schema "${queueSchema}" is up to date.`]),
      ].join('\n'),
      json: { created, auditCreated, queueSchema: queueSchema ?? null },
    }
  },
})
