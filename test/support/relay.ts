import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Relay {
  port: number
  close(): Promise<void>
}

/**
 * A TCP relay in front of a server on this machine, which may rewrite the server's replies. Without a port it accepts
 * connections and stays silent.
 */
export async function startRelay(
  serverPort: number | undefined,
  rewrite: (answer: string) => string = (answer) => answer,
): Promise<Relay> {
  const sockets = new Set<Socket>()
  const relay = createServer((client) => {
    track(client)
    if (serverPort === undefined) return
    const server = track(connect(serverPort, '127.0.0.1'))
    client.pipe(server)
    server.on('data', (chunk) => client.write(Buffer.from(rewrite(chunk.toString('latin1')), 'latin1')))
    server.on('close', () => client.destroy())
    client.on('close', () => server.destroy())
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const address = relay.address()
  if (address === null || typeof address === 'string') throw new Error('the relay has no port')
  return {
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy()
      relay.close()
      await once(relay, 'close')
    },
  }

  function track(socket: Socket): Socket {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    return socket
  }
}
