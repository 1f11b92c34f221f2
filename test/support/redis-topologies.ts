import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { vi } from 'vitest'
import { freePort, type RedisServer, startRedis } from './redis-server.js'

const run = promisify(execFile)

/** A queue on something other than one plain server. */
export interface RedisTopology {
  url: string
  stop(): Promise<void>
}

/** A Redis that speaks TLS, with a certificate for 127.0.0.1 from a private authority. */
export async function startTlsRedis(): Promise<RedisTopology & { authority: string; plain: RedisServer }> {
  const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-tls-'))
  const at = (name: string) => join(folder, name)
  const openssl = (...flags: string[]) => run('openssl', flags)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...key,
    '-subj',
    '/CN=authority',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.crt'),
  )
  await openssl('req', ...key, '-subj', '/CN=redis', '-keyout', at('redis.key'), '-out', at('redis.csr'))
  await writeFile(at('san'), 'subjectAltName=IP:127.0.0.1')
  const signing = [
    '-req',
    '-in',
    at('redis.csr'),
    '-CA',
    at('ca.crt'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
  ]
  await openssl('x509', ...signing, '-extfile', at('san'), '-out', at('redis.crt'))

  const tlsPort = await freePort()
  const plain = await startRedis({
    flags: [
      ...['--tls-port', String(tlsPort), '--tls-auth-clients', 'no', '--tls-ca-cert-file', at('ca.crt')],
      ...['--tls-cert-file', at('redis.crt'), '--tls-key-file', at('redis.key')],
    ],
  })
  return {
    url: `rediss://127.0.0.1:${tlsPort}`,
    authority: at('ca.crt'),
    plain,
    async stop() {
      await plain.stop()
      await rm(folder, { recursive: true })
    },
  }
}

/** A master and the sentinel that watches it. */
export async function startSentinel(): Promise<RedisTopology> {
  const master = await startRedis()
  const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-sentinel-'))
  const port = await freePort()
  const config = join(folder, 'sentinel.conf')
  await writeFile(
    config,
    `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor queue 127.0.0.1 ${master.port} 1\n`,
  )
  const sentinel = spawn('redis-server', [config, '--sentinel'], { stdio: 'ignore' })
  const exited = once(sentinel, 'exit')
  const client = new Redis({ port, maxRetriesPerRequest: null, retryStrategy: () => 20 })
  client.on('error', () => undefined)
  await client.ping()
  client.disconnect()
  return {
    url: `redis+sentinel://127.0.0.1:${port}/queue`,
    async stop() {
      sentinel.kill()
      await exited
      await master.stop()
      await rm(folder, { recursive: true })
    },
  }
}

/** A cluster of three masters. */
export async function startCluster(): Promise<RedisTopology> {
  const flags = ['--cluster-enabled', 'yes']
  const nodes = await Promise.all([0, 1, 2].map(async () => startRedis({ port: await clusterPort(), flags })))
  const addresses = nodes.map((node) => `127.0.0.1:${node.port}`)
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'])
  for (const node of nodes) {
    const client = new Redis({ port: node.port })
    await vi.waitFor(async () => {
      if (!(await client.cluster('INFO')).includes('cluster_state:ok')) throw new Error('not formed yet')
    }, 20_000)
    client.disconnect()
  }
  return {
    url: `redis+cluster://${addresses.join(',')}`,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

/** A node's bus listens on its port + 10000. */
async function clusterPort(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (port < 55_535) return port
  }
}
