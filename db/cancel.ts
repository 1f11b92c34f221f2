import { connect } from 'node:net'
import type pg from 'pg'

/** `CancelRequest` of PostgreSQL's protocol: 1234 and 5678 where a version would be. */
const CANCEL = 80877102
const TIMEOUT_MS = 5000

/**
 * Asks the server to end the statement that a client waits for. Over a connection of its own, as the protocol has it,
 * which needs no login and no TLS. Whether it helped cannot be known.
 */
export function cancelStatement(client: pg.ClientBase): void {
  const { host, port, processID, secretKey } = client as unknown as {
    host: string
    port: number
    processID: number | null
    secretKey: number | null
  }
  if (processID === null || secretKey === null) return
  const request = Buffer.alloc(16)
  for (const [index, word] of [request.length, CANCEL, processID, secretKey].entries()) {
    request.writeInt32BE(word, 4 * index)
  }
  const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port })
  socket.on('error', () => undefined).setTimeout(TIMEOUT_MS, () => socket.destroy())
  socket.end(request)
}
