import { randomUUID } from 'node:crypto'
import { createPublisher, type Publisher } from '../producers/publisher.js'
import { JOB_NAME, jobOptions, type UserCreated } from '../queue/user-created.js'
import { freePort, startRedis } from '../test/support/redis-server.js'
import type { Bench } from './bench.js'
import { type Figure, type Findings, preciseSpread } from './findings.js'
import { openBenchQueue } from './queue.js'
import { interleave, quantile, ratioOf, type Spread, spreadOf } from './rounds.js'

/** This many failures in a row open the publisher's circuit breaker. */
const FIRST_CALLS = 5
const PREFIX = '{bench-publish}'

interface Sample {
  p50: number
  p99: number
  max: number
}

/** How much time publishing adds to a sign-up, while the queue works and while it does not. */
export async function publish(bench: Bench): Promise<Findings> {
  const healthy = await whileHealthy(bench)
  const refused = await whileAway(bench, 'refused')
  const frozen = await whileAway(bench, 'frozen')
  const of = (samples: Sample[], key: keyof Sample) => spreadOf(samples.map((sample) => sample[key]))
  const row = (what: string, samples: Sample[]) => [
    what,
    ...(['p50', 'p99', 'max'] as const).map((key) => preciseSpread(of(samples, key))),
  ]
  const afterOpening = (what: string, samples: Sample[]): Figure => ({
    name: `publish after the breaker opened, p99, Redis ${what}`,
    value: of(samples, 'p99'),
    unit: 'ms',
    bound: 'at-most',
    required: 1,
    aim: 0.1,
  })
  return {
    title: 'Publish',
    method:
      'One call after the other, each for a new user. While Redis works, `publish` and a bare `queue.add` with the same job ' +
      'options alternate call by call, each on its own connection of the same kind. While Redis is down, each round creates ' +
      `a new publisher with ${bench.quick ? 'a timeout of 50 ms' : 'the default timeout'}. Its first ${FIRST_CALLS} calls ` +
      'fail and open the circuit breaker; the rest find it open.',
    tables: [
      {
        title: 'Milliseconds per call',
        columns: ['', 'p50', 'p99', 'slowest'],
        rows: [
          row('bare queue.add', healthy.bare),
          row('publish', healthy.publish),
          row(`Redis refused, first ${FIRST_CALLS} calls`, refused.first),
          row('Redis refused, breaker open', refused.rest),
          row(`Redis frozen, first ${FIRST_CALLS} calls`, frozen.first),
          row('Redis frozen, breaker open', frozen.rest),
        ],
      },
    ],
    figures: [
      {
        name: 'publish ÷ bare queue.add, at the median',
        value: medianRatio(healthy.publish, healthy.bare),
        unit: 'ratio',
        bound: 'at-most',
        required: 1.1,
        aim: 1.03,
      },
      afterOpening('refused', refused.rest),
      afterOpening('frozen', frozen.rest),
    ],
    plots: [],
  }
}

function medianRatio(samples: Sample[], others: Sample[]): Spread {
  return ratioOf(
    samples.map(({ p50 }) => p50),
    others.map(({ p50 }) => p50),
  )
}

async function whileHealthy({ servers, quick, rounds, progress }: Bench) {
  const calls = quick ? 500 : 4000
  const queue = openBenchQueue(servers.redis.url, PREFIX)
  const publisher = createPublisher({ queueUrl: servers.redis.url, prefix: PREFIX, timeoutMs: 10_000 })
  const add = () => {
    const event: UserCreated = {
      v: 1,
      userId: randomUUID(),
      source: 'credentials',
      occurredAt: new Date().toISOString(),
    }
    return queue.bull().add(JOB_NAME, event, { ...jobOptions(event), jobId: randomUUID() })
  }
  const round = async () => {
    const [bare, published]: [number[], number[]] = [[], []]
    for (let call = 0; call < calls; call += 1) {
      const both = [
        async () => bare.push(await millisecondsOf(add)),
        async () => published.push(await millisecondsOf(() => mustBe('queued', publisher))),
      ]
      for (const one of call % 2 === 0 ? both : both.toReversed()) await one()
    }
    await queue.bull().obliterate({ force: true })
    return { bare: sampleOf(bare), publish: sampleOf(published) }
  }
  try {
    const { both } = await interleave({ both: round }, rounds, (count) =>
      progress(`publish: round ${count} of ${rounds}`),
    )
    return { bare: both.map(({ bare }) => bare), publish: both.map(({ publish }) => publish) }
  } finally {
    await publisher.close()
    await queue.close()
  }
}

async function whileAway({ quick, rounds, progress }: Bench, how: 'refused' | 'frozen') {
  const [calls, timeoutMs] = quick ? [300, 50] : [2000, 250]
  const server = how === 'frozen' ? await startRedis() : undefined
  const queueUrl = server?.url ?? `redis://127.0.0.1:${await freePort()}`
  const round = async () => {
    server?.thaw()
    const publisher = createPublisher({ queueUrl, prefix: PREFIX, timeoutMs })
    if (server !== undefined) await mustBe('queued', publisher)
    server?.freeze()
    const [first, rest]: [number[], number[]] = [[], []]
    for (let call = 0; call < FIRST_CALLS + calls; call += 1) {
      const list = call < FIRST_CALLS ? first : rest
      list.push(await millisecondsOf(() => mustBe('deferred', publisher)))
    }
    await publisher.close()
    return { first: sampleOf(first), rest: sampleOf(rest) }
  }
  try {
    const { away } = await interleave({ away: round }, rounds, (count) =>
      progress(`publish, Redis ${how}: round ${count} of ${rounds}`),
    )
    return { first: away.map(({ first }) => first), rest: away.map(({ rest }) => rest) }
  } finally {
    await server?.stop()
  }
}

async function mustBe(status: 'queued' | 'deferred', publisher: Publisher): Promise<void> {
  const result = await publisher.publish({ userId: randomUUID(), source: 'credentials' })
  if (result.status !== status) throw new Error(`expected ${status}, got ${result.status}`)
}

async function millisecondsOf(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await call()
  return performance.now() - startedAt
}

function sampleOf(milliseconds: number[]): Sample {
  return {
    p50: quantile(milliseconds, 0.5),
    p99: quantile(milliseconds, 0.99),
    max: Math.max(...milliseconds),
  }
}
