import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { parseQueueUrl } from '../../config/queue-url.js'
import { UsageError } from '../command.js'

/** The only connection from the demo to its queue: a TCP relay that can be cut, like a broken network or a stopped server. */
export interface Relay {
  /** The queue's URL through the relay. */
  url: string
  isCut(): boolean
  /** Drops every connection and refuses new ones. */
  cut(): Promise<void>
  /** Lets connections through again, on the same port. */
  restore(): Promise<void>
}

/**
 * Opens a relay on a free port of the loopback interface.
 *
 * @throws {UsageError} when the queue has several servers or speaks TLS, which a relay cannot imitate
 */
export async function openRelay(queueUrl: string): Promise<Relay> {
  const target = targetOf(queueUrl)
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(target)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.once('close', () => sockets.delete(socket))
    }
    pipeline(near, far, near, () => undefined)
  })

  let port = 0
  async function restore(): Promise<void> {
    if (server.listening) return
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await restore()
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free')
  port = address.port

  return {
    url: withHost(queueUrl, `127.0.0.1:${port}`),
    isCut: () => !server.listening,
    restore,
    async cut() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function targetOf(queueUrl: string): { host: string; port: number } {
  const address = parseQueueUrl(queueUrl)
  if (address.kind === 'redis' && !address.tls) return address.hosts[0]
  if (address.kind === 'postgres') {
    const { hostname, port, searchParams } = new URL(address.url)
    const plain =
      ['disable', 'no-verify', null].includes(searchParams.get('sslmode')) && !searchParams.has('ssl')
    if (hostname !== '' && plain) {
      return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 5432 : Number(port) }
    }
  }
  throw new UsageError(
    'Halfway through, the demo cuts the connection to its queue with a relay. That works only for redis://host:6379 and ' +
      'postgres://host:5432/database without TLS. Set QUEUE_URL to one of those, or unset DATABASE_URL and QUEUE_URL, ' +
      'and the demo starts its own.',
  )
}

function withHost(url: string, host: string): string {
  const changed = new URL(url)
  changed.host = host
  return changed.href
}
