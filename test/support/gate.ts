import { once } from 'node:events'
import { createServer, type Server, Socket } from 'node:net'
import { freePort } from './redis-server.js'

/** A TCP relay in front of a real server, to make that server unavailable to one client at a time. */
export interface Gate {
  /** The URL of the server through the gate. */
  url: string
  /** Refuses new connections and breaks the open ones. */
  shut(): Promise<void>
  open(): Promise<void>
  /** Passes nothing on, like a server that hangs: connections are accepted and stay open. */
  freeze(): void
  /** Passes on requests but no replies. */
  mute(): void
  /** Ends a freeze. */
  thaw(): void
  /** Sends new connections to another server, like a virtual address after a failover. Open ones stay. */
  leadTo(port: number): void
  /** Connections that are open now. */
  connections(): number
}

/** Creates a gate to the server of `targetUrl`, shut at first. */
export async function makeGate(targetUrl: string): Promise<Gate> {
  const target = new URL(targetUrl)
  const host = target.hostname
  let port = Number(target.port)
  target.port = String(await freePort())
  const pairs = new Set<[Socket, Socket]>()
  let server: Server | undefined
  let frozen = false

  function relay(client: Socket): void {
    const upstream = new Socket()
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    for (const [from, to] of [pair, [upstream, client]] as const) {
      from.on('error', () => to.destroy())
      from.on('close', () => {
        to.destroy()
        pairs.delete(pair)
      })
      from.pipe(to)
    }
    if (frozen) for (const socket of pair) socket.pause()
    upstream.connect(port, host)
  }

  return {
    url: target.href,
    async open() {
      server = createServer(relay).listen(Number(target.port), '127.0.0.1')
      await once(server, 'listening')
    },
    async shut() {
      const closed = server?.listening ? once(server, 'close') : undefined
      server?.close()
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      await closed
    },
    freeze() {
      frozen = true
      for (const pair of pairs) for (const socket of pair) socket.pause()
    },
    mute() {
      for (const [, upstream] of pairs) upstream.pause()
    },
    thaw() {
      frozen = false
      for (const pair of pairs) for (const socket of pair) socket.resume()
    },
    leadTo(otherPort) {
      port = otherPort
    },
    connections: () => pairs.size,
  }
}
