import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { connectDatabase } from '../../db/connect.js'
import { migrate } from '../../db/migrate.js'
import { startEmbeddedPostgres } from '../../dist/scripts/demo/embedded-postgres.js'
import { migrateQueue } from '../../queue/migrate.js'
import { CHROMIUM } from './browser.js'
import { PGBOUNCER } from './pgbouncer.js'
import { ensurePrograms } from './programs.js'
import { REDIS_SERVER, startRedis } from './redis-server.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser's URL of the embedded Postgres. */
    postgresUrl: string
    redisUrl: string
  }
}

/** Cloned for each test file: the application's tables and the queue's schema, both empty. */
export const TEMPLATE = 'template_migrated'

const PROMTOOL = {
  name: 'promtool',
  debianPackage: 'prometheus',
  howToInstall:
    'The tests check the alert rules with promtool, which comes with Prometheus: put it on the PATH.',
}

/** One Postgres and one Redis for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await ensurePrograms([REDIS_SERVER, PROMTOOL, CHROMIUM, PGBOUNCER])
  const [postgres, redis] = await Promise.all([
    startEmbeddedPostgres(['-c', 'fsync=off', '-c', 'max_connections=300']),
    startRedis(),
  ])
  await makeTemplate(postgres.url)
  project.provide('postgresUrl', postgres.url)
  project.provide('redisUrl', redis.url)
  return async () => {
    await Promise.all([postgres.stop(), redis.stop()])
  }
}

async function makeTemplate(postgresUrl: string): Promise<void> {
  const admin = new pg.Client(postgresUrl)
  await admin.connect()
  await admin.query(`create database ${TEMPLATE}`)
  await admin.end()

  const url = new URL(postgresUrl)
  url.pathname = TEMPLATE
  const db = connectDatabase(url.href)
  await migrate(db)
  await db.destroy()
  await migrateQueue(url.href, '{auto-enroll}')
}
