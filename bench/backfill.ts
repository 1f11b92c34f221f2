import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { fillApplication } from './application.js'
import type { Bench } from './bench.js'
import { type Findings, precise, preciseSpread, wholeSpread } from './findings.js'
import { startProcess } from './process.js'
import { interleave, ratioOf, type Spread, spreadOf } from './rounds.js'
import { type BenchDatabase, createDatabase } from './servers.js'

interface Sample {
  usersPerSecond: number
  peakMiB: number
}
type Samples = Record<'backfill' | 'bare', Sample[]>

const SIZES = [10_000, 100_000, 1_000_000]
const QUICK_SIZES = [500, 4000]
const PREFIX = '{bench-backfill}'

/** How fast the backfill queues users compared with bare `addBulk`, and how much memory it needs. */
export async function backfill(bench: Bench): Promise<Findings> {
  const database = await createDatabase(bench.servers.postgresUrl, 'backfill')
  try {
    const sizes = bench.quick ? QUICK_SIZES : SIZES
    const results: { size: number; samples: Samples; reading: Reading }[] = []
    for (const size of sizes) {
      await fillApplication(database.db, size, 2)
      results.push({
        size,
        samples: await compete(bench, database, size),
        reading: await reading(bench, database),
      })
    }
    return report(results)
  } finally {
    await database.close()
  }
}

async function compete(bench: Bench, database: BenchDatabase, size: number): Promise<Samples> {
  const redis = new Redis({ port: bench.servers.redis.port })
  const run = (kind: string) => async (): Promise<Sample> => {
    await redis.flushall()
    const args = [kind, database.url, bench.servers.redis.url, PREFIX, String(size)]
    const child = startProcess('bench/processes/backfill.js', args, {}, bench.logFile('backfill'))
    const [{ seconds, peakMiB }] = (await once(child.process, 'message')) as [
      { seconds: number; peakMiB: number },
    ]
    return { usersPerSecond: size / seconds, peakMiB }
  }
  try {
    return await interleave({ backfill: run('backfill'), bare: run('bare') }, bench.rounds, (round) =>
      bench.progress(`backfill, ${size} users: round ${round} of ${bench.rounds}`),
    )
  } finally {
    await redis.flushall()
    redis.disconnect()
  }
}

interface Reading {
  dryRunSeconds: Spread
  verifySeconds: Spread
}

/** How long a person waits for the two read-only commands. */
async function reading(bench: Bench, database: BenchDatabase): Promise<Reading> {
  const command =
    (name: string, ...flags: string[]) =>
    async () => {
      const startedAt = performance.now()
      const file = fileURLToPath(new URL(`../scripts/${name}.js`, import.meta.url))
      const env = { PATH: process.env.PATH, ...bench.workerEnv(database.url, PREFIX) }
      // verify exits with 1, because nobody is enrolled.
      await promisify(execFile)(process.execPath, [file, '--json', ...flags], { env }).catch(
        (error: { code?: unknown }) => {
          if (name !== 'verify' || error.code !== 1) throw error
        },
      )
      return (performance.now() - startedAt) / 1000
    }
  const samples = await interleave(
    { dryRun: command('backfill', '--dry-run'), verify: command('verify') },
    bench.rounds,
  )
  return { dryRunSeconds: spreadOf(samples.dryRun), verifySeconds: spreadOf(samples.verify) }
}

function report(results: { size: number; samples: Samples; reading: Reading }[]): Findings {
  const speed = (samples: Sample[]) => samples.map(({ usersPerSecond }) => usersPerSecond)
  const memory = (samples: Sample[]) => samples.map(({ peakMiB }) => peakMiB)
  const [smallest, largest] = [results[0], results.at(-1)]
  if (smallest === undefined || largest === undefined) throw new Error('nothing was measured')
  const sized = (size: number) => size.toLocaleString('en-US')
  return {
    title: 'Backfill',
    method:
      'No user has an enrollment and no worker runs, so this times only the queueing; `--max-pending` equals the number of ' +
      'users. For comparison, the same jobs with the same options go to `addBulk` in chunks of 1,000, with the user ids ' +
      'already in memory. Each run is a separate process on an empty Redis; its start-up does not count. The read-only ' +
      'commands are timed from the outside, start-up included.',
    tables: [
      {
        title: 'Users queued per second, and peak memory (RSS) of the process',
        columns: [
          'users',
          'backfill, users/s',
          'bare addBulk, users/s',
          'ratio',
          'backfill, MiB',
          'bare addBulk, MiB',
        ],
        rows: results.map(({ size, samples: { backfill, bare } }) => [
          sized(size),
          wholeSpread(spreadOf(speed(backfill))),
          wholeSpread(spreadOf(speed(bare))),
          preciseSpread(ratioOf(speed(backfill), speed(bare))),
          wholeSpread(spreadOf(memory(backfill))),
          wholeSpread(spreadOf(memory(bare))),
        ]),
      },
      {
        title: 'Seconds that the read-only commands take while nobody is enrolled',
        columns: ['users', 'backfill --dry-run', 'verify'],
        rows: results.map(({ size, reading }) => [
          sized(size),
          preciseSpread(reading.dryRunSeconds),
          precise(reading.verifySeconds.median),
        ]),
      },
    ],
    figures: [
      {
        name: `backfill’s queueing ÷ bare addBulk, ${sized(largest.size)} users`,
        value: ratioOf(speed(largest.samples.backfill), speed(largest.samples.bare)),
        unit: 'ratio',
        bound: 'at-least',
        required: 0.85,
        aim: 0.95,
      },
      {
        name: `peak memory of the backfill at ${sized(largest.size)} ÷ at ${sized(smallest.size)}`,
        value: ratioOf(memory(largest.samples.backfill), memory(smallest.samples.backfill)),
        unit: 'ratio',
        bound: 'at-most',
        required: 1.3,
        aim: 1.1,
      },
    ],
    plots: [
      {
        file: 'backfill',
        title: 'Users queued per second',
        kind: 'bar',
        unit: 'users/s',
        categories: results.map(({ size }) => `${sized(size)} users`),
        series: [
          {
            name: 'backfill',
            values: results.map(({ samples }) => spreadOf(speed(samples.backfill)).median),
          },
          {
            name: 'bare addBulk',
            values: results.map(({ samples }) => spreadOf(speed(samples.bare)).median),
          },
        ],
      },
    ],
  }
}
