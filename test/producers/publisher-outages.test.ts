import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { freePort, type RedisServer, startRedis } from '../support/redis-server.js'
import { runScript } from '../support/run-script.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'

/** An application that publishes, in a process that an unhandled rejection would crash. */
const APPLICATION = `
  import { createPublisher } from 'auto-enroll'
  const { URLS, PREFIX, TIMEOUT_MS } = process.env
  const options = { ...(PREFIX && { prefix: PREFIX }), ...(TIMEOUT_MS && { timeoutMs: Number(TIMEOUT_MS) }) }
  const publishers = URLS.split(' ').map((queueUrl) => createPublisher({ queueUrl, ...options }))
  let slowest = 0
  async function publish(publisher, userId) {
    const startedAt = performance.now()
    const { status } = await publisher.publish({ userId, source: 'credentials' })
    slowest = Math.max(slowest, performance.now() - startedAt)
    return status
  }
`

const TELL = `console.log(JSON.stringify({ answers, slowest }))`

/** 250 ms plus some grace for a busy machine, where starting TLS alone may block for longer. */
const PROMISED_MS = 1000

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function redis(flags: string[] = [], port?: number): Promise<RedisServer> {
  const server = await startRedis({ flags, ...(port === undefined ? {} : { port }) })
  closing.push(() => server.stop())
  return server
}

function printed(stdout: string): { answers: string[][]; slowest: number } {
  return JSON.parse(stdout) as { answers: string[][]; slowest: number }
}

describe('an application whose queue is unreachable', () => {
  it('gets a result in time, survives and exits, whatever the cause', async () => {
    const [locked, plain, gone, silent, rude] = await Promise.all([
      redis(['--requirepass', 'right']),
      redis(),
      freePort(),
      tcpServer(() => undefined),
      tcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\\r\\n\\r\\n')),
    ])
    const urls = [
      `redis://127.0.0.1:${gone}`,
      `redis://:wrong@127.0.0.1:${locked.port}`,
      `redis://127.0.0.1:${locked.port}`,
      `rediss://127.0.0.1:${plain.port}`,
      'redis://no-such-host.invalid',
      `redis://127.0.0.1:${silent}`,
      `redis://127.0.0.1:${rude}`,
      `redis+sentinel://127.0.0.1:${gone}/mymaster`,
      `redis+cluster://127.0.0.1:${gone}`,
      `redis+cluster://127.0.0.1:${plain.port}`,
      `redis+sentinel://127.0.0.1:${silent}/mymaster`,
      `redis+cluster://127.0.0.1:${silent}`,
      `postgres://nobody@127.0.0.1:${gone}/none`,
      `postgres://nobody@127.0.0.1:${silent}/none`,
      'postgres://nobody@no-such-host.invalid/none',
      withWrongPassword(inject('postgresUrl')),
      inject('postgresUrl'),
    ]
    const { stdout, stderr, exitCode } = await runScript(
      `${APPLICATION}
       const answers = []
       for (let round = 0; round < 3; round += 1) {
         answers.push(await Promise.all(publishers.map((publisher) => publish(publisher, 'ada' + round))))
       }
       await Promise.all(publishers.map((publisher) => publisher.close()))
       ${TELL}`,
      { URLS: urls.join(' ') },
    )
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    const { answers, slowest } = printed(stdout)
    expect(answers).toEqual(Array.from({ length: 3 }, () => urls.map(() => 'deferred')))
    expect(slowest).toBeLessThan(PROMISED_MS)
  })

  it('exits after close even while Redis is stopped with SIGSTOP', async () => {
    const server = await redis()
    const application = runScript(
      `${APPLICATION}
       const answers = [[await publish(publishers[0], 'before')]]
       process.kill(${server.pid()}, 'SIGSTOP')
       answers.push(await Promise.all(Array.from({ length: 20 }, (_, n) => publish(publishers[0], 'user' + n))))
       const startedAt = performance.now()
       await publishers[0].close()
       answers.push([performance.now() - startedAt < 1000 ? 'closed' : 'late'])
       ${TELL}`,
      { URLS: server.url },
    )
    const { stdout, stderr, exitCode } = await application
    server.thaw()
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    const { answers, slowest } = printed(stdout)
    expect(answers).toEqual([['queued'], Array.from({ length: 20 }, () => 'deferred'), ['closed']])
    expect(slowest).toBeLessThan(PROMISED_MS)
  })

  it('publishes again once Redis comes up, restarts, or is thawed', async () => {
    const port = await freePort()
    const application = runScript(
      `${APPLICATION}
       const answers = []
       const until = async (wanted) => {
         for (;;) {
           const status = await publish(publishers[0], 'user' + Math.random())
           if (status === wanted) return answers.push([status])
           await new Promise((resolve) => setTimeout(resolve, 100))
         }
       }
       for (const wanted of ['deferred', 'queued', 'deferred', 'queued', 'deferred', 'queued']) {
         await until(wanted)
         process.send(wanted)
         await new Promise((resolve) => process.once('message', resolve))
       }
       await publishers[0].close()
       process.disconnect()
       ${TELL}`,
      { URLS: `redis://127.0.0.1:${port}` },
      30_000,
    )
    const next = async (change: () => unknown) => {
      await application.getOneMessage()
      await change()
      await application.sendMessage('go on')
    }
    let server: RedisServer | undefined
    const start = async () => {
      server = await redis([], port)
    }
    await next(start)
    await next(() => server?.stop())
    await next(start)
    await next(() => server?.freeze())
    await next(() => server?.thaw())
    await next(() => undefined)
    const { stdout, stderr, exitCode } = await application
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    expect(printed(stdout).slowest).toBeLessThan(PROMISED_MS)
  })
})

describe.each(BACKENDS)(
  'a process that publishes once and ends, as a serverless function does, on %s',
  (backend) => {
    const database = useDatabase()

    it('has queued the event, without closing', async () => {
      const place = queuePlace(backend, database)
      const publishOnce = `${APPLICATION}
       const answers = [[await publish(publishers[0], 'ada')]]
       ${TELL}
       process.exit()`
      // Generous, because a first connection takes long on a busy machine.
      const env = { URLS: place.url, PREFIX: place.prefix, TIMEOUT_MS: '5000' }
      const first = await runScript(publishOnce, env)
      const second = await runScript(publishOnce, env)
      expect([first.stderr, second.stderr]).toEqual(['', ''])
      expect([printed(first.stdout).answers, printed(second.stdout).answers]).toEqual([
        [['queued']],
        [['duplicate']],
      ])
    })

    it('is not kept alive by a publisher that published nothing', async () => {
      const place = queuePlace(backend, database)
      const { exitCode, timedOut } = await runScript(APPLICATION, { URLS: place.url, PREFIX: place.prefix })
      expect({ exitCode, timedOut }).toEqual({ exitCode: 0, timedOut: false })
    })
  },
)

async function tcpServer(onConnection: (socket: Socket) => unknown): Promise<number> {
  const server = createServer(onConnection).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function withWrongPassword(url: string): string {
  const wrong = new URL(url)
  wrong.password = 'wrong'
  return wrong.href
}
