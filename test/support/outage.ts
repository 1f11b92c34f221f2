import { type Gate, makeGate } from './gate.js'
import { freePort, type RedisServer, startRedis } from './redis-server.js'
import { type Backend, queuePlace, type TestDatabase } from './servers.js'

/** A queue for this test only that can be made unavailable or frozen. At first it is unavailable. */
export interface FragileQueue {
  url: string
  prefix: string
  start(): Promise<void>
  stop(): Promise<void>
  freeze(): void
  thaw(): void
}

/** On Redis a separate server, which loses its jobs when it stops; on Postgres a gate to the shared one. */
export async function fragileQueue(backend: Backend, database: TestDatabase): Promise<FragileQueue> {
  return backend === 'redis' ? fragileRedis() : fragilePostgres(database)
}

async function fragileRedis(): Promise<FragileQueue> {
  const port = await freePort()
  let server: RedisServer | undefined
  return {
    url: `redis://127.0.0.1:${port}`,
    prefix: '{auto-enroll}',
    async start() {
      server = await startRedis({ port })
    },
    async stop() {
      await server?.stop()
      server = undefined
    },
    freeze: () => server?.freeze(),
    thaw: () => server?.thaw(),
  }
}

async function fragilePostgres(database: TestDatabase): Promise<FragileQueue> {
  const place = queuePlace('postgres', database)
  const gate: Gate = await makeGate(place.url)
  return {
    url: gate.url,
    prefix: place.prefix,
    start: gate.open,
    stop: gate.shut,
    freeze: gate.freeze,
    thaw: gate.thaw,
  }
}
