import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from '../db/schema.js'
import { createPublisher } from '../producers/publisher.js'
import type { EventQueue } from '../queue/open.js'
import { fillApplication, forgetEnrollments } from './application.js'
import type { Bench } from './bench.js'
import { type Findings, preciseSpread, type Table } from './findings.js'
import { startProcess } from './process.js'
import { openBenchQueue } from './queue.js'
import { interleave, quantile, ratioOf, spreadOf } from './rounds.js'
import { type BenchDatabase, createDatabase } from './servers.js'

/** Milliseconds of one run. */
interface Sample {
  p50: number
  p95: number
  p99: number
}

const BACKENDS = ['Redis', 'Postgres'] as const
type BackendName = (typeof BACKENDS)[number]
const STATES = ['idle', 'backfill'] as const
type State = (typeof STATES)[number]
type Cells = Record<string, Sample[]>

const PREFIX = '{bench-latency}'
/** Sign-ups begin once the backfill has this many jobs waiting. */
const UNDER_WAY = 50

/** How long after a sign-up's commit the user is enrolled, on a quiet queue and during a backfill. */
export async function latency(bench: Bench): Promise<Findings> {
  const plan = bench.quick
    ? { rates: [50], signUps: 25, backlog: 4000, maxPending: { Redis: 50_000, Postgres: 250 } }
    : { rates: [50, 200], signUps: 1000, backlog: 200_000, maxPending: { Redis: 50_000, Postgres: 2000 } }
  const cells: Cells = {}
  for (const backend of BACKENDS) Object.assign(cells, await measure(bench, backend, plan))

  const cell = (backend: BackendName, rate: number, state: State) => cells[nameOf(backend, rate, state)] ?? []
  const p99 = (samples: Sample[]) => samples.map((sample) => sample.p99)
  return {
    title: 'Latency',
    method:
      `Every run inserts ${plan.signUps.toLocaleString('en-US')} users at a steady rate and publishes each after its commit. We report the time from that ` +
      'commit to the commit of the enrollments, both as recorded by Postgres (`track_commit_timestamp`). Postgres writes a ' +
      `checkpoint before each run. The backfill has ${plan.backlog.toLocaleString('en-US')} users, with the default ` +
      `\`--max-pending\` on Redis and ${plan.maxPending.Postgres.toLocaleString('en-US')} on Postgres, which is slower.`,
    tables: plan.rates.map((rate) => tableFor(rate, cell)),
    figures: BACKENDS.map((backend) => ({
      name: `p99 during a backfill ÷ idle p99, 50 sign-ups/s, queue on ${backend}`,
      value: ratioOf(p99(cell(backend, 50, 'backfill')), p99(cell(backend, 50, 'idle'))),
      unit: 'ratio',
      bound: 'at-most',
      required: 5,
      aim: 2,
    })),
    plots: [
      {
        file: 'latency',
        title: 'From sign-up commit to enrollment commit, 50 sign-ups per second',
        kind: 'bar',
        unit: 'ms',
        categories: ['p50', 'p95', 'p99'],
        series: BACKENDS.flatMap((backend) =>
          STATES.map((state) => ({
            name: `${backend}, ${state}`,
            values: (['p50', 'p95', 'p99'] as const).map(
              (key) => spreadOf(cell(backend, 50, state).map((sample) => sample[key])).median,
            ),
          })),
        ),
      },
    ],
  }
}

function tableFor(rate: number, cell: (backend: BackendName, rate: number, state: State) => Sample[]): Table {
  return {
    title: `${rate} sign-ups per second: milliseconds from sign-up commit to enrollment commit`,
    columns: ['', 'p50', 'p95', 'p99'],
    rows: BACKENDS.flatMap((backend) =>
      STATES.map((state) => [
        `queue on ${backend}, ${state === 'idle' ? 'idle' : 'during a backfill'}`,
        ...(['p50', 'p95', 'p99'] as const).map((key) =>
          preciseSpread(spreadOf(cell(backend, rate, state).map((sample) => sample[key]))),
        ),
      ]),
    ),
  }
}

function nameOf(backend: BackendName, rate: number, state: State): string {
  return `${backend} ${rate} ${state}`
}

interface Plan {
  rates: number[]
  /** Per run; enough that several fall into the slowest one percent. */
  signUps: number
  backlog: number
  /** Unfinished jobs that the backfill may have. */
  maxPending: Record<BackendName, number>
}

async function measure(bench: Bench, backend: BackendName, plan: Plan): Promise<Cells> {
  const database = await createDatabase(bench.servers.postgresUrl, `latency_${backend.toLowerCase()}`)
  await fillApplication(database.db, plan.backlog, 2)
  const queueUrl = backend === 'Redis' ? bench.servers.redis.url : database.url
  // Only the default prefix has a schema in this database.
  const prefix = backend === 'Redis' ? PREFIX : '{auto-enroll}'
  const queue = openBenchQueue(queueUrl, prefix)
  const env = { ...bench.workerEnv(database.url, prefix), QUEUE_URL: queueUrl }
  const worker = startProcess('scripts/worker.js', [], env, bench.logFile('worker'))
  const publisher = createPublisher({ queueUrl, prefix, timeoutMs: 30_000 })
  const signUps = (rate: number) =>
    signUpSteadily({
      database,
      publish: (userId) => publisher.publish({ userId, source: 'credentials' }),
      count: plan.signUps,
      intervalMs: 1000 / rate,
    })

  const cells = plan.rates.flatMap((rate) => [
    [nameOf(backend, rate, 'idle'), () => afresh(() => signUps(rate))] as const,
    [nameOf(backend, rate, 'backfill'), () => afresh(() => duringBackfill(() => signUps(rate)))] as const,
  ])
  try {
    return await interleave<string, Sample>(Object.fromEntries(cells), bench.rounds, (round) =>
      bench.progress(`latency, queue on ${backend}: round ${round} of ${bench.rounds}`),
    )
  } finally {
    await Promise.all([publisher.close(), queue.close(), worker.stop()])
    await database.close()
  }

  /** Starts from a checkpoint, so that the previous run's writes do not interfere. */
  async function afresh(run: () => Promise<Sample>): Promise<Sample> {
    await forgetEnrollments(database.db)
    return run()
  }

  async function duringBackfill(run: () => Promise<Sample>): Promise<Sample> {
    const args = ['backfill', database.url, queueUrl, prefix, String(plan.maxPending[backend])]
    const child = startProcess('bench/processes/backfill.js', args, {}, bench.logFile('backfill'))
    await until(queue, (unfinished) => unfinished > UNDER_WAY)
    const sample = await run()
    await child.stop()
    await until(queue, (unfinished) => unfinished === 0)
    return sample
  }
}

async function until(queue: EventQueue, reached: (unfinished: number) => boolean): Promise<void> {
  while (!reached(await queue.countUnfinished())) await delay(20)
}

interface SignUps {
  database: BenchDatabase
  publish: (userId: string) => Promise<unknown>
  count: number
  intervalMs: number
}

/** An open loop: each sign-up starts when it is due, whether or not earlier ones have finished. */
async function signUpSteadily({ database: { db }, publish, count, intervalMs }: SignUps): Promise<Sample> {
  const startedAt = performance.now()
  const underway: Promise<string>[] = []
  for (let index = 0; index < count; index += 1) {
    await delay(Math.max(0, startedAt + index * intervalMs - performance.now()))
    underway.push(signUp())
  }
  const milliseconds = await latenciesOf(db, await Promise.all(underway))
  const at = (share: number) => quantile(milliseconds, share)
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }

  async function signUp(): Promise<string> {
    const userId = `c${randomUUID().replaceAll('-', '')}`
    await sql`insert into "User" (id, email, name) values (${userId}, ${`${userId}@example.com`}, 'Someone')`.execute(
      db,
    )
    await publish(userId)
    return userId
  }
}

/** Milliseconds between the two commits of each user, as recorded by Postgres, once everyone is enrolled. */
async function latenciesOf(db: Database, userIds: readonly string[]): Promise<number[]> {
  for (;;) {
    // Not immediately: this query would compete with the last enrollments.
    await delay(500)
    const { rows } = await sql<{ ms: number }>`
      select (extract(epoch from max(pg_xact_commit_timestamp(e.xmin)) - max(pg_xact_commit_timestamp(u.xmin))) * 1000)::float8 as ms
      from "User" u join "Enrollment" e on e."userId" = u.id
      where u.id = any(${userIds}) group by u.id
    `.execute(db)
    if (rows.length === userIds.length) return rows.map(({ ms }) => ms)
  }
}
