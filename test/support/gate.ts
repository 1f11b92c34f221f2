import { once } from 'node:events'
import { createServer, type Server, Socket } from 'node:net'
import { freePort } from './redis-server.js'

/** A TCP relay in front of a real server, to take that server away from one client at a time. */
export interface Gate {
  /** The URL of what lies behind, by way of the gate. */
  url: string
  /** Refuses new connections and breaks the open ones. */
  shut(): Promise<void>
  open(): Promise<void>
  /** Passes nothing on, as a server does that hangs: connections are accepted and stay open. */
  freeze(): void
  /** Passes on what the client asks, and nothing of what it is answered. */
  mute(): void
  /** Ends a freeze. */
  thaw(): void
  /** Leads new connections to another server, as a virtual address does after a failover; open ones stay. */
  leadTo(port: number): void
  /** Connections that are open now. */
  connections(): number
}

/** Makes a gate to the server of `targetUrl`, shut at first. */
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
