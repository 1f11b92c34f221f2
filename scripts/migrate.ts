import { Option } from 'commander'
import { readDatabaseIdentity } from '../db/identity.js'
import { migrate } from '../db/migrate.js'
import { adoptQueue } from '../queue/identity.js'
import { migrateQueue } from '../queue/migrate.js'
import { runCommand, UsageError } from './command.js'

await runCommand({
  name: 'migrate',
  description:
    'Creates the three tables in an empty database, brings auto-enroll’s own schema (auto_enroll) up to date, and the ' +
    'queue’s schema where the queue is on Postgres. Never alters the application’s tables; safe to run twice and at the same time.',
  needs: ['DATABASE_URL'],
  flags: [
    new Option(
      '--adopt-queue',
      'make the queue this database’s, though workers of another one consumed it a moment ago',
    ),
  ],
  async run({ settings, database, queue }, { adoptQueue: adopt = false }: { adoptQueue?: boolean }) {
    const db = database(settings.DATABASE_URL)
    const { created, migrations } = await migrate(db)
    const queueSchema =
      settings.QUEUE_URL === undefined
        ? undefined
        : await migrateQueue(settings.QUEUE_URL, settings.QUEUE_PREFIX)
    if (adopt) {
      if (settings.QUEUE_URL === undefined) throw new UsageError('--adopt-queue needs QUEUE_URL.')
      await adoptQueue(queue(settings.QUEUE_URL), await readDatabaseIdentity(db))
    }
    return {
      text: [
        created
          ? 'The tables "User", "Course" and "Enrollment" were made.'
          : 'The tables exist; nothing was altered.',
        migrations.length === 0
          ? 'The schema "auto_enroll" is up to date.'
          : `The schema "auto_enroll" was brought up to date (${migrations.join(', ')}).`,
        ...(queueSchema === undefined ? [] : [`The queue's schema "${queueSchema}" is up to date.`]),
        ...(adopt ? ['The queue serves this database now.'] : []),
      ].join('\n'),
      json: {
        created,
        auditCreated: migrations.includes('001-audit'),
        migrations,
        queueSchema: queueSchema ?? null,
        adopted: adopt,
      },
    }
  },
})
