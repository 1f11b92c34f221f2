import { fillApplication, userIds } from './application.js'
import type { Bench } from './bench.js'
import { type Findings, precise, preciseSpread, whole, wholeSpread } from './findings.js'
import { type BenchProcess, startProcess } from './process.js'
import { drainSeconds, openBenchQueue, queueUsers } from './queue.js'
import { interleave, ratioOf, spreadOf } from './rounds.js'
import { createDatabase } from './servers.js'
import { type Sample, type Turn, timedTurn } from './turn.js'

interface Fleet {
  workers: number
  partitions: number
}

const ALONE: Fleet = { workers: 1, partitions: 1 }
const FLEETS: readonly Fleet[] = [
  ALONE,
  { workers: 2, partitions: 1 },
  { workers: 4, partitions: 1 },
  { workers: 1, partitions: 4 },
  { workers: 4, partitions: 4 },
]

/** What more worker processes on one queue gain, and what more partitions gain. */
export async function scaleOut(bench: Bench): Promise<Findings> {
  const samples = await compete(bench)
  const speeds = (of: Sample[] = []) => of.map(({ usersPerSecond }) => usersPerSecond)
  const alone = speeds(samples[nameOf(ALONE)])
  return {
    title: 'Scaling out',
    method:
      'As under Throughput, with 2 courses, more worker processes on one queue, and one or four partitions on one Redis. ' +
      'Everything shares this machine, so the free cores, not the queue, limit what another process gains.',
    tables: [
      {
        title: 'Users enrolled per second, and microseconds of CPU per user',
        columns: ['', 'users/s', '÷ one worker', 'Node', 'Redis', 'Postgres', 'cores busy on the machine'],
        rows: Object.entries(samples).map(([name, list]) => [
          name,
          wholeSpread(spreadOf(speeds(list))),
          preciseSpread(ratioOf(speeds(list), alone)),
          ...(['node', 'redis', 'postgres'] as const).map((key) =>
            whole(spreadOf(list.map(({ cpu }) => cpu[key])).median),
          ),
          precise(spreadOf(list.map(({ busyCores }) => busyCores)).median),
        ]),
      },
    ],
    figures: [],
    plots: [
      {
        file: 'scale-out',
        title: 'Users enrolled per second, by worker processes and partitions',
        kind: 'bar',
        unit: 'users/s',
        categories: Object.keys(samples),
        series: [
          { name: 'users/s', values: Object.values(samples).map((list) => spreadOf(speeds(list)).median) },
        ],
      },
    ],
  }
}

function nameOf({ workers, partitions }: Fleet): string {
  return `${workers} worker${workers === 1 ? '' : 's'}, ${partitions} partition${partitions === 1 ? '' : 's'}`
}

async function compete(bench: Bench): Promise<Record<string, Sample[]>> {
  const { servers, rounds, quick } = bench
  const users = quick ? 500 : 20_000
  const courses = 2
  const database = await createDatabase(servers.postgresUrl, 'scale_out')
  await fillApplication(database.db, users, courses)
  const ids = await userIds(database.db)
  const started: BenchProcess[] = []
  const closing: (() => Promise<void>)[] = []
  try {
    const contestants = (quick ? FLEETS.slice(0, 2) : FLEETS).map(
      (fleet) => [nameOf(fleet), turnOf(fleet)] as const,
    )
    return await interleave(Object.fromEntries(contestants), rounds, (round) =>
      bench.progress(`scale out: round ${round} of ${rounds}`),
    )
  } finally {
    await Promise.all(started.map((child) => child.stop()))
    await Promise.all(closing.map((close) => close()))
    await database.close()
  }

  function turnOf({ workers, partitions }: Fleet): Turn {
    const prefix = `{bench-scale-${workers}-${partitions}}`
    const queue = openBenchQueue(servers.redis.url, prefix, partitions)
    closing.push(() => queue.close())
    const env = bench.workerEnv(database.url, prefix, partitions)
    const children = Array.from({ length: workers }, () =>
      startProcess('scripts/worker.js', [], env, bench.logFile('worker')),
    )
    started.push(...children)
    const run = timedTurn({
      servers,
      db: database.db,
      users,
      courses,
      children,
      run: () => drainSeconds(queue),
    })
    return async () => {
      await queue.pause()
      await queueUsers(queue, ids, 'credentials')
      return run()
    }
  }
}
