import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { parseQueueUrl } from '../../config/queue-url.js'
import { UsageError } from '../command.js'

/** The only way from the demo to its queue: a TCP relay that can be cut, as a network or a stopped server would. */
export interface Road {
  /** The queue's URL by way of the relay. */
  url: string
  isCut(): boolean
  /** Drops every connection and refuses new ones. */
  cut(): Promise<void>
  /** Lets connections through again, on the same port. */
  mend(): Promise<void>
}

/**
 * Opens a relay on a free port of the loopback interface.
 *
 * @throws {UsageError} when the queue has several servers or speaks TLS, which a relay cannot stand in for
 */
export async function openRoad(queueUrl: string): Promise<Road> {
  const target = targetOf(queueUrl)
  const sockets = new Set<Socket>()
  const relay = createServer((near) => {
    const far = connect(target)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.once('close', () => sockets.delete(socket))
    }
    pipeline(near, far, near, () => undefined)
  })

  let port = 0
  async function mend(): Promise<void> {
    if (relay.listening) return
    relay.listen(port, '127.0.0.1')
    await once(relay, 'listening')
  }
  await mend()
  const address = relay.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free')
  port = address.port

  return {
    url: withHost(queueUrl, `127.0.0.1:${port}`),
    isCut: () => !relay.listening,
    mend,
    async cut() {
      if (!relay.listening) return
      const closed = once(relay, 'close')
      relay.close()
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
    'The demo stops its queue in the middle, by a relay in front of it, and can do so for redis://host:6379 and ' +
      'postgres://host:5432/database without TLS only. Set such a QUEUE_URL, or unset DATABASE_URL and QUEUE_URL: ' +
      'then the demo brings its own.',
  )
}

function withHost(url: string, host: string): string {
  const changed = new URL(url)
  changed.host = host
  return changed.href
}
