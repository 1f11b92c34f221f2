import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openQueue } from '../../queue/open.js'
import {
  type RedisTopology,
  startCluster,
  startSentinel,
  startTlsRedis,
} from '../support/redis-topologies.js'
import { runScript } from '../support/run-script.js'

/** Publishes twice for one user and consumes, in a separate process that ends by itself. */
const PUBLISH_AND_CONSUME = `
  import { createPublisher } from 'auto-enroll'
  import { linkQueue } from './dist/queue/connect.js'
  import { openQueue } from './dist/queue/open.js'
  import { consume } from './dist/worker/consume.js'

  const url = process.env.URL_OF_QUEUE
  const prefix = '{auto-enroll}'
  const onError = () => undefined
  const publisher = createPublisher({ queueUrl: url, timeoutMs: 10_000 })
  const answers = []
  for (const userId of ['ada', 'ada', 'bob']) {
    answers.push((await publisher.publish({ userId, source: 'admin' })).status)
  }
  await publisher.close()

  const link = linkQueue({ url, prefix, profile: { mode: 'consume' }, onError })
  const enrolled = []
  const observer = { completed: onError, failed: onError, stalled: onError, queueError: onError }
  const enroll = async (userId) => {
    enrolled.push(userId)
    return { outcome: 'enrolled', enrolled: 1 }
  }
  const consumer = consume({ link, concurrency: 2, enroll, observer })
  const queue = openQueue({ url, prefix, timeoutMs: 10_000, onError })
  while (enrolled.length < 2 || (await queue.countUnfinished()) > 0) await new Promise((done) => setTimeout(done, 20))
  await consumer.close()
  await queue.close()
  await link.disconnect()
  console.log(JSON.stringify({ answers, enrolled: enrolled.sort() }))
`
const DONE = { answers: ['queued', 'duplicate', 'queued'], enrolled: ['ada', 'bob'] }

describe.each([
  ['a sentinel', startSentinel],
  ['a cluster of three masters', startCluster],
] as const)('a queue behind %s', (_, start) => {
  let topology: RedisTopology
  beforeAll(async () => {
    topology = await start()
  })
  afterAll(() => topology.stop())

  it('can be published to and consumed', async () => {
    const { stdout, stderr, exitCode } = await runScript(PUBLISH_AND_CONSUME, { URL_OF_QUEUE: topology.url })
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    expect(JSON.parse(stdout)).toEqual(DONE)
  })
})

describe('a queue behind TLS', () => {
  let redis: Awaited<ReturnType<typeof startTlsRedis>>
  beforeAll(async () => {
    redis = await startTlsRedis()
  })
  afterAll(() => redis.stop())

  it('can be published to and consumed by a client that trusts its certificate authority', async () => {
    const { stdout, stderr, exitCode } = await runScript(PUBLISH_AND_CONSUME, {
      URL_OF_QUEUE: redis.url,
      NODE_EXTRA_CA_CERTS: redis.authority,
    })
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    expect(JSON.parse(stdout)).toEqual(DONE)
  })

  it('receives nothing from a client that does not trust its certificate authority', async () => {
    const { stdout } = await runScript(
      `import { createPublisher } from 'auto-enroll'
       const publisher = createPublisher({ queueUrl: process.env.URL_OF_QUEUE, timeoutMs: 2000 })
       console.log((await publisher.publish({ userId: 'eve', source: 'admin' })).status)
       await publisher.close()`,
      { URL_OF_QUEUE: redis.url },
    )
    expect(stdout).toBe('deferred')
    const queue = openQueue({
      url: redis.plain.url,
      prefix: '{auto-enroll}',
      timeoutMs: 5000,
      onError: () => undefined,
    })
    expect(await queue.countUnfinished()).toBe(0)
    await queue.close()
  })
})
