import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../dist/scripts/demo/embedded-postgres.js'
import { createPublisher } from '../../producers/publisher.js'
import { startWorkerProcess } from '../faults/workers.js'
import { type Authority, type Certificate, makeAuthority, OPENSSL } from '../support/certificates.js'
import { ensurePrograms } from '../support/programs.js'
import { freePort, type RedisServer, startRedis } from '../support/redis-server.js'

/** Servers that bear the certificate, under the name `localhost`. */
async function startServers({ certFile, keyFile }: Certificate) {
  const tlsPort = await freePort()
  const [redis, postgres] = await Promise.all([
    startRedis({
      flags: [
        ...['--tls-port', String(tlsPort), '--tls-auth-clients', 'no', '--tls-ca-cert-file', certFile],
        ...['--tls-cert-file', certFile, '--tls-key-file', keyFile],
      ],
    }),
    startEmbeddedPostgres([
      ...['-c', 'ssl=on', '-c', `ssl_cert_file=${certFile}`, '-c', `ssl_key_file=${keyFile}`],
    ]),
  ])
  return { redis, postgres, queueUrl: `rediss://localhost:${tlsPort}`, databaseUrl: overTls(postgres.url) }
}

function overTls(url: string): string {
  const address = new URL(url)
  address.hostname = 'localhost'
  address.searchParams.set('sslmode', 'require')
  return address.href
}

describe.each([
  { host: 'localhost', trusted: true, verdict: 'is trusted' },
  { host: 'localhost', trusted: false, verdict: 'of an unknown authority is refused' },
  { host: 'elsewhere', trusted: true, verdict: 'for another host is refused' },
])('a certificate', ({ host, trusted, verdict }) => {
  let authority: Authority
  let servers: { redis: RedisServer; postgres: EmbeddedPostgres; queueUrl: string; databaseUrl: string }

  beforeAll(async () => {
    await ensurePrograms([OPENSSL])
    authority = await makeAuthority()
    servers = await startServers(await authority.issue(host))
  })
  afterAll(async () => {
    await Promise.all([servers.redis.stop(), servers.postgres.stop()])
    await authority.remove()
  })

  it(`${verdict} by Redis's and Postgres's clients alike`, async () => {
    const worker = await startWorkerProcess({
      DATABASE_URL: servers.databaseUrl,
      QUEUE_URL: servers.queueUrl,
      RECONCILE_INTERVAL_MS: '0',
      ...(trusted ? { NODE_EXTRA_CA_CERTS: authority.caFile } : {}),
    })
    const { status, body } = await worker.get('/readyz').finally(() => worker.stop())
    if (host === 'localhost' && trusted) {
      expect(JSON.parse(body)).toMatchObject({ database: 'ok', queue: 'ok' })
    } else {
      expect(status).toBe(503)
      expect(JSON.parse(body).database).toMatch(/certificate|altname/i)
      expect(JSON.parse(body).queue).not.toBe('ok')
      expect(worker.output()).toMatch(/certificate|altname/i)
    }
  })

  it('that this process does not know keeps a publisher from connecting', async () => {
    const publisher = createPublisher({ queueUrl: servers.queueUrl, timeoutMs: 2000 })
    expect((await publisher.publish({ userId: 'u1', source: 'google' })).status).toBe('deferred')
    await publisher.close()
  })
})
