import { migrate } from '../db/migrate.js'
import { migrateQueue } from '../queue/migrate.js'
import { runCommand } from './command.js'

await runCommand({
  name: 'migrate',
  description:
    'Creates the three tables in an empty database, brings auto-enroll’s own schema (auto_enroll) up to date, and the ' +
    'queue’s schema where the queue is on Postgres. Never alters the application’s tables; safe to run twice and at the same time.',
  needs: ['DATABASE_URL'],
  async run({ settings, database }) {
    const { created, migrations } = await migrate(database(settings.DATABASE_URL))
    const queueSchema =
      settings.QUEUE_URL === undefined
        ? undefined
        : await migrateQueue(settings.QUEUE_URL, settings.QUEUE_PREFIX)
    return {
      text: [
        created
          ? 'The tables "User", "Course" and "Enrollment" were made.'
          : 'The tables exist; nothing was altered.',
        migrations.length === 0
          ? 'The schema "auto_enroll" is up to date.'
          : `The schema "auto_enroll" was brought up to date (${migrations.join(', ')}).`,
        ...(queueSchema === undefined ? [] : [`The queue's schema "${queueSchema}" is up to date.`]),
      ].join('\n'),
      json: { created, migrations, queueSchema: queueSchema ?? null },
    }
  },
})
