import { fillApplication, userIds } from './application.js'
import type { Bench } from './bench.js'
import { type Findings, precise, preciseSpread, whole, wholeSpread } from './findings.js'
import { type BenchProcess, startProcess } from './process.js'
import { drainSeconds, openBenchQueue, queueUsers } from './queue.js'
import { interleave, ratioOf, spreadOf } from './rounds.js'
import { createDatabase } from './servers.js'
import { type Sample, type Turn, timedTurn } from './turn.js'

const FLEETS = [1, 2, 4]

/** What more worker processes on one queue bring. */
export async function scaleOut(bench: Bench): Promise<Findings> {
  const samples = await compete(bench)
  const speeds = (of: Sample[] = []) => of.map(({ usersPerSecond }) => usersPerSecond)
  const alone = speeds(samples[nameOf(1)])
  return {
    title: 'Scale out',
    method:
      'As under throughput, with 2 courses and more worker processes on the one queue. All of it shares this machine, so ' +
      'the cores that are free, and not the queue, bound what a further process brings.',
    tables: [
      {
        title: 'Users enrolled a second, and microseconds of CPU for each user',
        columns: ['', 'users/s', '÷ one worker', 'Node', 'Redis', 'Postgres', 'cores in use on the machine'],
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
        title: 'Users enrolled a second, by worker processes',
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

function nameOf(workers: number): string {
  return workers === 1 ? '1 worker' : `${workers} workers`
}

async function compete(bench: Bench): Promise<Record<string, Sample[]>> {
  const { servers, rounds, quick } = bench
  const users = quick ? 2000 : 20_000
  const courses = 2
  const database = await createDatabase(servers.postgresUrl, 'scale_out')
  await fillApplication(database.db, users, courses)
  const ids = await userIds(database.db)
  const started: BenchProcess[] = []
  const closing: (() => Promise<void>)[] = []
  try {
    const contestants = FLEETS.map((workers) => [nameOf(workers), fleet(workers)] as const)
    return await interleave(Object.fromEntries(contestants), rounds, (round) =>
      bench.tell(`scale out: round ${round} of ${rounds}`),
    )
  } finally {
    await Promise.all(started.map((child) => child.stop()))
    await Promise.all(closing.map((close) => close()))
    await database.close()
  }

  function fleet(workers: number): Turn {
    const prefix = `{bench-scale-${workers}}`
    const queue = openBenchQueue(servers.redis.url, prefix)
    closing.push(() => queue.close())
    const env = bench.workerEnv(database.url, prefix)
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
