import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A TCP relay that can be cut, slowed down, or made to swallow everything. */
export interface TcpProxy {
  port: number
  /** Closes every connection and refuses new ones. */
  cut(): void
  /** Swallows every byte and closes nothing, like a host that vanished. Connections that are open now never recover. */
  blackHole(): void
  /** New connections work again. */
  heal(): void
  /** Adds this much to every round trip. */
  slow(roundTripMs: number): void
  close(): Promise<void>
}

interface Link {
  near: Socket
  far: Socket
  dead: boolean
}

/** Starts a proxy on a free port of the loopback interface. */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const links = new Set<Link>()
  let mode: 'pass' | 'cut' | 'black hole' = 'pass'
  let roundTripMs = 0

  const server = createServer((near) => {
    if (mode === 'cut') return near.destroy()
    const far = connect(targetPort, '127.0.0.1')
    const link: Link = { near, far, dead: mode === 'black hole' }
    links.add(link)
    forward(near, far, link)
    forward(far, near, link)
  })

  function forward(from: Socket, to: Socket, link: Link): void {
    const send = (chunk: Buffer) => {
      if (!link.dead) to.write(chunk)
    }
    from.setNoDelay(true)
    from.on('data', (chunk: Buffer) => {
      if (roundTripMs === 0) send(chunk)
      else setTimeout(send, roundTripMs / 2, chunk)
    })
    from.on('error', () => undefined)
    from.on('close', () => {
      if (!link.dead) to.destroy()
      if (link.near.destroyed && link.far.destroyed) links.delete(link)
    })
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free')

  return {
    port: address.port,
    cut() {
      mode = 'cut'
      endAll()
    },
    blackHole() {
      mode = 'black hole'
      for (const link of links) link.dead = true
    },
    heal() {
      mode = 'pass'
    },
    slow(ms) {
      roundTripMs = ms
    },
    async close() {
      server.close()
      endAll()
      await once(server, 'close')
    },
  }

  function endAll(): void {
    for (const { near, far } of links) {
      near.destroy()
      far.destroy()
    }
  }
}
