import { Redis } from 'ioredis'
import { it } from 'vitest'
import { play, type Scenario } from './scenario.js'

const MINUTES = Number(process.env.SOAK_MINUTES)
const SEED = Number(process.env.SOAK_SEED)

it(`random faults for ${MINUTES} minutes, seed ${SEED}`, (test) =>
  play(
    test,
    {
      ownPostgres: true,
      databaseOutage: true,
      workers: 2,
      redisFlags: ['--appendonly', 'yes'],
      recoversWithinMs: 180_000,
    },
    async (stage) => {
      const random = randomFrom(SEED)
      const startedAt = performance.now()
      while (performance.now() - startedAt < MINUTES * 60_000) {
        // Drawn before anything depends on the clock, so that the same seed draws the same faults.
        const fault = FAULTS[Math.floor(random() * FAULTS.length)] ?? FAULTS[0]
        const lastsMs = Math.round(500 + random() ** 2 * 19_500)
        const quietMs = Math.round(random() * 5000)
        const seconds = Math.round((performance.now() - startedAt) / 1000)
        process.stdout.write(`${String(seconds).padStart(6)} s  ${fault.name}, ${lastsMs} ms\n`)
        const mend = await fault.begin(stage, random)
        await stage.during(lastsMs)
        await mend()
        stage.faultEnds()
        await stage.during(quietMs)
      }
    },
  ))

interface Fault {
  name: string
  /** Breaks something. The returned function repairs it. */
  begin: (stage: Scenario, random: () => number) => Promise<() => unknown>
}

const nothing = () => undefined

const FAULTS: readonly [Fault, ...Fault[]] = [
  {
    name: 'a worker killed, and another started',
    begin: async ({ workers, startWorker }, random) => {
      const running = workers.filter((worker) => worker.running())
      await running[Math.floor(random() * running.length)]?.stop('SIGKILL')
      return startWorker
    },
  },
  {
    name: 'a worker stopped, and another started',
    begin: async ({ workers, startWorker }, random) => {
      const running = workers.filter((worker) => worker.running())
      await running[Math.floor(random() * running.length)]?.stop('SIGTERM')
      return startWorker
    },
  },
  {
    name: 'Redis killed, and started again',
    begin: async ({ redis }) => {
      await redis.kill()
      return redis.start
    },
  },
  {
    name: 'Redis frozen',
    begin: async ({ redis }) => {
      redis.freeze()
      return redis.thaw
    },
  },
  {
    name: 'FLUSHALL',
    begin: async (stage) => {
      await tellRedis(stage, 'flushall')
      return nothing
    },
  },
  {
    name: 'Redis out of memory',
    begin: async (stage) => {
      await tellRedis(stage, 'config', 'set', 'maxmemory', '1mb')
      return () => tellRedis(stage, 'config', 'set', 'maxmemory', '0')
    },
  },
  {
    name: 'Postgres restarted in immediate mode',
    begin: async ({ database }) => {
      await database.server?.restart()
      return nothing
    },
  },
  { name: 'Postgres frozen', begin: ({ freezePostgres }) => freezePostgres() },
  {
    name: 'a link half open',
    begin: async ({ links }, random) => {
      const link = drawLink(links, random)
      link?.blackHole()
      return () => link?.heal()
    },
  },
  {
    name: 'a link cut',
    begin: async ({ links }, random) => {
      const link = drawLink(links, random)
      link?.cut()
      return () => link?.heal()
    },
  },
  {
    name: 'a link with 300 ms of latency',
    begin: async ({ links }, random) => {
      const link = drawLink(links, random)
      link?.slow(300)
      return () => link?.slow(0)
    },
  },
]

function drawLink(links: Scenario['links'], random: () => number) {
  const all = Object.values(links)
  return all[Math.floor(random() * all.length)]
}

async function tellRedis({ redis }: Scenario, command: string, ...words: string[]): Promise<unknown> {
  const client = new Redis(redis.url)
  try {
    return await client.call(command, ...words)
  } finally {
    client.disconnect()
  }
}

/** Mulberry32: numbers from 0 to 1 that a seed determines. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
