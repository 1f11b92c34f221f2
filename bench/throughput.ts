import { once } from 'node:events'
import { sql } from 'kysely'
import { fillApplication, userIds } from './application.js'
import type { Bench } from './bench.js'
import {
  type Figure,
  type Findings,
  precise,
  preciseSpread,
  type Table,
  whole,
  wholeSpread,
} from './findings.js'
import { prepareOriginalDesign } from './original-design.js'
import { type BenchProcess, startProcess } from './process.js'
import { drainSeconds, openBenchQueue, queueUsers } from './queue.js'
import { interleave, ratioOf, type Spread, spreadOf } from './rounds.js'
import { createDatabase } from './servers.js'
import { type Sample, type Turn, timedTurn } from './turn.js'

const CONCURRENCY = 300

const NAMES = {
  worker: 'auto-enroll worker',
  nothing: 'BullMQ worker that does nothing',
  oneStatement: 'one statement per job',
  helper: 'original design’s helper, 50 at once',
  kyselyHelper: 'the same with Kysely instead of Prisma',
  bareHelper: 'the same with only pg',
  postgres: 'Postgres alone, one statement for everyone',
} as const
type Name = keyof typeof NAMES

/** How many users per second are enrolled, compared with the upper limit and with what auto-enroll replaces. */
export async function throughput(bench: Bench): Promise<Findings> {
  await prepareOriginalDesign(bench.progress)
  const few = await compete(bench, { courses: 2, users: bench.quick ? 500 : 20_000 })
  const many = await compete(bench, { courses: 20, users: bench.quick ? 100 : 4000 })
  return {
    title: 'Throughput',
    method:
      `We fill a paused queue with sign-ups and measure from resuming it until no job is unfinished. The worker is ` +
      `\`npm run worker\` with its defaults (${CONCURRENCY} jobs at once, log level \`info\`, into a file), except that the ` +
      `reconciler is off. The other workers take the same jobs with the same options, each in a separate process that lives ` +
      `through all rounds. The original design’s helper is the code of that design, with Prisma; its two rewrites share no ` +
      `code with auto-enroll. Before each turn nobody is enrolled and Postgres writes a checkpoint.`,
    tables: [
      rates('2 courses', few, 2),
      rates('20 courses', many, 20),
      bounds(few),
      shares('2 courses', few),
      shares('20 courses', many),
    ],
    figures: figures(few, many),
    plots: [
      {
        file: 'throughput',
        title: 'Users enrolled per second',
        kind: 'bar',
        unit: 'users/s',
        categories: ['2 courses', '20 courses'],
        series: (Object.keys(NAMES) as Name[]).map((name) => ({
          name: NAMES[name],
          values: [few, many].map((samples) => spreadOf(speeds(samples[name])).median),
        })),
      },
    ],
  }
}

async function compete(bench: Bench, { users, courses }: { users: number; courses: number }) {
  const { servers, rounds, progress } = bench
  const database = await createDatabase(servers.postgresUrl, `throughput_${courses}`)
  const { db } = database
  await fillApplication(db, users, courses)
  const ids = await userIds(db)
  const started: BenchProcess[] = []
  const closing: (() => Promise<void>)[] = []
  const turn = (children: BenchProcess[], run: () => Promise<number>, enrolls = true) =>
    timedTurn({ servers, db, users, courses: enrolls ? courses : 0, children, run })

  try {
    return await interleave<Name, Sample>(
      {
        worker: queued((prefix) =>
          startProcess(
            'scripts/worker.js',
            [],
            bench.workerEnv(database.url, prefix),
            bench.logFile('worker'),
          ),
        ),
        nothing: queued((prefix) => benchWorker('nothing', prefix), { enrolls: false }),
        oneStatement: queued((prefix) => benchWorker('one-statement', prefix)),
        helper: helper('prisma'),
        kyselyHelper: helper('kysely'),
        bareHelper: helper('pg'),
        postgres: turn([], async () => {
          const startedAt = performance.now()
          await sql`
            insert into "Enrollment" (id, "userId", "courseId", status, "enrolledAt")
            select 'cae' || replace(gen_random_uuid()::text, '-', ''), u.id, c.id, 'active', now() at time zone 'UTC'
            from "User" u cross join "Course" c where c."isPublished"
            on conflict ("userId", "courseId") do nothing
          `.execute(db)
          return (performance.now() - startedAt) / 1000
        }),
      },
      rounds,
      (round) => progress(`throughput, ${courses} courses: round ${round} of ${rounds}`),
    )
  } finally {
    await Promise.all(started.map((child) => child.stop()))
    await Promise.all(closing.map((close) => close()))
    await database.close()
  }

  function benchWorker(kind: string, prefix: string): BenchProcess {
    const args = [kind, database.url, servers.redis.url, prefix, String(CONCURRENCY)]
    return startProcess('bench/processes/queue-worker.js', args, {}, bench.logFile(kind))
  }

  function queued(start: (prefix: string) => BenchProcess, { enrolls = true } = {}): Turn {
    const prefix = `{bench-${courses}-${closing.length}}`
    const queue = openBenchQueue(servers.redis.url, prefix)
    closing.push(() => queue.close())
    const child = start(prefix)
    started.push(child)
    const run = turn([child], () => drainSeconds(queue), enrolls)
    return async () => {
      await queue.pause()
      await queueUsers(queue, ids, 'credentials')
      return run()
    }
  }

  function helper(over: 'prisma' | 'kysely' | 'pg'): Turn {
    const child = startProcess(
      'bench/processes/original-helper.js',
      [over],
      { DATABASE_URL: database.url },
      bench.logFile('helper'),
    )
    started.push(child)
    return turn([child], async () => {
      child.process.send(ids)
      const [seconds] = await once(child.process, 'message')
      return Number(seconds)
    })
  }
}

type Samples = Record<Name, Sample[]>

function speeds(samples: readonly Sample[]): number[] {
  return samples.map((sample) => sample.usersPerSecond)
}

function rates(what: string, samples: Samples, courses: number): Table {
  return {
    title: `${what}: users per second`,
    columns: ['', 'users/s', 'rows/s', 'worker ÷ this'],
    rows: (Object.keys(NAMES) as Name[]).map((name) => {
      const speed = speeds(samples[name])
      return [
        NAMES[name],
        wholeSpread(spreadOf(speed)),
        name === 'nothing' ? '' : whole(spreadOf(speed).median * courses),
        name === 'worker' ? '' : preciseSpread(ratioOf(speeds(samples.worker), speed)),
      ]
    }),
  }
}

/** How much faster than what it replaces any worker on this queue could be, on this machine. */
function bounds(samples: Samples): Table {
  const others = ['oneStatement', 'helper', 'kyselyHelper', 'bareHelper'] as const
  return {
    title: '2 courses: the most that any worker on this queue can reach',
    columns: ['', 'worker that does nothing ÷ this'],
    rows: others.map((name) => [
      NAMES[name],
      preciseSpread(ratioOf(speeds(samples.nothing), speeds(samples[name]))),
    ]),
  }
}

/** Where the CPU time for each user goes. */
function shares(what: string, samples: Samples): Table {
  const median = (list: readonly Sample[], of: (sample: Sample) => number) => spreadOf(list.map(of)).median
  return {
    title: `${what}: microseconds of CPU per user`,
    columns: ['', 'Node', 'Redis', 'Postgres', 'total', 'cores busy on the machine'],
    rows: (Object.keys(NAMES) as Name[]).map((name) => {
      const list = samples[name]
      return [
        NAMES[name],
        ...(['node', 'redis', 'postgres'] as const).map((key) => whole(median(list, ({ cpu }) => cpu[key]))),
        whole(median(list, ({ cpu }) => cpu.node + cpu.redis + cpu.postgres)),
        precise(median(list, ({ busyCores }) => busyCores)),
      ]
    }),
  }
}

function figures(few: Samples, many: Samples): Figure[] {
  const ratio = (samples: Samples, other: Name): Spread =>
    ratioOf(speeds(samples.worker), speeds(samples[other]))
  const atLeast = { unit: 'ratio', bound: 'at-least' } as const
  return [
    {
      name: 'worker ÷ worker that does nothing, 2 courses',
      value: ratio(few, 'nothing'),
      ...atLeast,
      required: 0.6,
      aim: 0.8,
    },
    {
      name: 'worker ÷ one statement per job, 2 courses',
      value: ratio(few, 'oneStatement'),
      ...atLeast,
      required: 2.8,
      aim: 4,
    },
    {
      name: 'worker ÷ original design’s helper, 50 at once, 2 courses',
      value: ratio(few, 'helper'),
      ...atLeast,
      required: 2.8,
      aim: 4,
    },
    {
      name: 'rows per second ÷ Postgres alone, 20 courses',
      value: ratio(many, 'postgres'),
      ...atLeast,
      required: 0.5,
      aim: 0.8,
    },
  ]
}
