import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import pg from 'pg'
import { inject } from 'vitest'
import { connectDatabase } from '../../db/connect.js'
import { migrate } from '../../db/migrate.js'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../dist/scripts/demo/embedded-postgres.js'
import { migrateQueue } from '../../queue/migrate.js'
import { TEMPLATE } from '../support/global-setup.js'
import { asRole, makeRoles } from './roles.js'

/** The database of one scenario, as its owner sees it. */
export interface ScenarioDatabase {
  url: string
  /** The same database for the application's role, which signs people up. */
  applicationUrl: string
  /** The same database for the worker's role of `db/roles.sql`. */
  workerUrl: string
  port: number
  sql<Row extends pg.QueryResultRow = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<Row[]>
  /** The server, if the scenario has its own. */
  server: EmbeddedPostgres | undefined
  close(): Promise<void>
}

/** A database on the server that the scenarios share, or on one that this scenario may harm. */
export async function openScenarioDatabase(
  ownServer: boolean,
  serverFlags: readonly string[] = [],
): Promise<ScenarioDatabase> {
  const server = ownServer ? await startEmbeddedPostgres(serverFlags) : undefined
  const url = server === undefined ? await cloneTemplate() : await migrated(server.url)
  // Never through a relay, so that the suite can always see the database.
  const pool = new pg.Pool({ connectionString: url, max: 3, application_name: 'the suite' })
  pool.on('error', () => undefined)
  return {
    url,
    applicationUrl: asRole(url, 'application'),
    workerUrl: asRole(url, 'auto_enroll_worker'),
    port: Number(new URL(url).port),
    server,
    async sql<Row extends pg.QueryResultRow>(text: string, values?: unknown[]) {
      return (await pool.query<Row>(text, values)).rows
    },
    async close() {
      await pool.end()
      if (server === undefined) await asAdmin(`drop database ${new URL(url).pathname.slice(1)} with (force)`)
      else await server.stop()
    },
  }
}

async function cloneTemplate(): Promise<string> {
  const name = `faults_${randomBytes(6).toString('hex')}`
  await asAdmin(`create database ${name} template ${TEMPLATE}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = name
  return url.href
}

async function migrated(url: string): Promise<string> {
  const db = connectDatabase(url)
  await migrate(db)
  await db.destroy()
  await migrateQueue(url, '{auto-enroll}')
  await makeRoles(url)
  return url
}

async function asAdmin(statement: string): Promise<void> {
  const admin = new pg.Client(inject('postgresUrl'))
  await admin.connect()
  // Postgres refuses to clone one template twice at the same moment.
  await admin.query(`select pg_advisory_lock(1)`)
  try {
    await admin.query(statement)
  } finally {
    await admin.end()
  }
}

/** Freezes the server and all its processes, like a machine that hangs. The returned function thaws them. */
export async function freezePostgres(server: EmbeddedPostgres): Promise<() => void> {
  const pids = [server.pid(), ...(await childrenOf(server.pid()))]
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  return () => {
    for (const pid of pids.splice(0)) process.kill(pid, 'SIGCONT')
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  const children: number[] = []
  for (const entry of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '')
    // The state and the parent come after the name, which is in parentheses.
    const [, ppid] = status.slice(status.lastIndexOf(')') + 2).split(' ')
    if (Number(ppid) === parent) children.push(Number(entry))
  }
  return children
}

/** Takes the lock of an administrator's long transaction: every reader of the courses waits until it is released. */
export async function holdCourses(database: ScenarioDatabase): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: database.url, application_name: 'an administrator' })
  await holder.connect()
  await holder.query('begin; lock table "Course" in access exclusive mode')
  return () => holder.end()
}

/** Locks users and a course as an application's transaction may; the function returned lets go of them. */
export async function holdRows(
  database: ScenarioDatabase,
  userIds: readonly (string | undefined)[],
  courseId: string | undefined,
): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: database.url, application_name: 'an application' })
  holder.on('error', () => undefined)
  await holder.connect()
  await holder.query('begin')
  await holder.query('select from "User" where id = any($1) for update', [userIds])
  await holder.query('delete from "Course" where id = $1', [courseId])
  return () => holder.end()
}
