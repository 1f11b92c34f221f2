import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort, type RedisServer, startRedis } from '../support/redis-server.js'
import { until } from './until.js'

/** Several Redis servers, of which one can be lost. */
export interface RedisGroup {
  queueUrl: string
  servers: readonly RedisServer[]
  /** The server that holds the queue now. */
  holder: RedisServer
  /** Makes a replica take over from the holder, which lives on as a replica and cuts no connection. */
  switchOver(): Promise<void>
  stop(): Promise<void>
}

/** A master would otherwise wait 5 s for more replicas. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0']

/** A master, its replica, and a Sentinel that promotes the replica 1 s after the master is gone. */
export async function startSentinel(): Promise<RedisGroup> {
  const master = await startRedis({ flags: AT_ONCE })
  const replica = await startRedis({ flags: [...AT_ONCE, '--replicaof', '127.0.0.1', String(master.port)] })
  const sentinel = await runSentinel(master.port)
  const stop = () => stopAll([sentinel, master, replica])
  return orStop(stop, async () => {
    await settles(() => ask(replica.port, 'info', 'replication'), 'master_link_status:up')
    await settles(() => ask(sentinel.port, 'sentinel', 'replicas', 'queue'), String(replica.port))
    return {
      queueUrl: `redis+sentinel://127.0.0.1:${sentinel.port}/queue`,
      servers: [master, replica],
      holder: master,
      async switchOver() {
        // By hand, because Sentinel would cut the connections of the clients it can reach.
        await ask(replica.port, 'replicaof', 'no', 'one')
        await ask(master.port, 'replicaof', '127.0.0.1', String(replica.port))
        await ask(sentinel.port, 'sentinel', 'remove', 'queue')
        await ask(sentinel.port, 'sentinel', 'monitor', 'queue', '127.0.0.1', String(replica.port), '1')
      },
      stop,
    }
  })
}

async function runSentinel(masterPort: number): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-sentinel-'))
  const file = join(folder, 'sentinel.conf')
  const settings = [
    ...[`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`],
    `sentinel monitor queue 127.0.0.1 ${masterPort} 1`,
    'sentinel down-after-milliseconds queue 1000',
    'sentinel failover-timeout queue 3000',
  ]
  await writeFile(file, settings.join('\n'))
  const sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  return {
    port,
    async stop() {
      await end(sentinel)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const SLOTS = 16_384

/** A Cluster of three masters; the one that holds the queue has a replica, which takes over 1 s after it is gone. */
export async function startCluster(queueKey: string): Promise<RedisGroup> {
  const flags = [...AT_ONCE, '--cluster-enabled', 'yes', '--cluster-node-timeout', '1000']
  const servers = await Promise.all(
    Array.from({ length: 4 }, async () => startRedis({ port: await clusterPort(), flags })),
  )
  const stop = () => stopAll(servers)
  return orStop(stop, async () => {
    const four = servers as [RedisServer, RedisServer, RedisServer, RedisServer]
    const holder = await formCluster(four, queueKey)
    return {
      queueUrl: `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
      servers,
      holder,
      async switchOver() {
        await ask(four[3].port, 'cluster', 'failover')
        await settles(() => ask(holder.port, 'info', 'replication'), 'role:slave')
      },
      stop,
    }
  })
}

/** @returns the master that holds the key; the last of the servers is its replica */
async function formCluster(
  servers: [RedisServer, RedisServer, RedisServer, RedisServer],
  queueKey: string,
): Promise<RedisServer> {
  const [first, second, third, replica] = servers
  const masters = [first, second, third]
  for (const [index, { port }] of masters.entries()) {
    await ask(port, 'cluster', 'addslots', ...slotRange(index, masters.length).map(String))
    if (index > 0) await ask(port, 'cluster', 'set-config-epoch', String(index + 1))
  }
  for (const { port } of servers.slice(1)) {
    await ask(first.port, 'cluster', 'meet', '127.0.0.1', String(port))
  }
  const slot = Number(await ask(first.port, 'cluster', 'keyslot', queueKey))
  const holder = masters.find((_, index) => slotRange(index, masters.length).includes(slot)) ?? first
  const holderId = await ask(holder.port, 'cluster', 'myid')
  await settles(() => ask(replica.port, 'cluster', 'nodes'), holderId)
  await ask(replica.port, 'cluster', 'replicate', holderId)
  await settles(() => ask(replica.port, 'info', 'replication'), 'master_link_status:up')
  for (const { port } of servers) await settles(() => ask(port, 'cluster', 'info'), 'cluster_state:ok')
  return holder
}

/** A node talks to the others on its port + 10000. */
async function clusterPort(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (port < 55_000) return port
  }
}

function slotRange(index: number, masters: number): number[] {
  const [from, to] = [index, index + 1].map((edge) => Math.round((edge * SLOTS) / masters)) as [
    number,
    number,
  ]
  return Array.from({ length: to - from }, (_, offset) => from + offset)
}

/** If the setup fails, stops what was already running. */
async function orStop<T>(stop: () => Promise<void>, setUp: () => Promise<T>): Promise<T> {
  try {
    return await setUp()
  } catch (error) {
    await stop()
    throw error
  }
}

async function stopAll(servers: readonly { stop(signal?: 'SIGKILL'): Promise<void> }[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop('SIGKILL')))
}

function settles(answer: () => Promise<string>, expected: string): Promise<void> {
  return until(`${expected} in the answer`, async () => (await answer()).includes(expected))
}

async function ask(port: number, command: string, ...words: string[]): Promise<string> {
  const client = new Redis({ port, lazyConnect: true, retryStrategy: () => 50, maxRetriesPerRequest: 40 })
  client.on('error', () => undefined)
  try {
    return String(await client.call(command, ...words))
  } finally {
    client.disconnect()
  }
}

async function end(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  const exited = once(process, 'exit')
  process.kill('SIGKILL')
  await exited
}
