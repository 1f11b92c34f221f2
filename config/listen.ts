import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { SettingsError } from './settings.js'

export interface Listening {
  /** `http://host:port`, with the actual port. */
  url: string
  close(): Promise<void>
}

export interface ListenOptions {
  port: number
  host: string
  /** The setting to name when the port is in use. */
  portSetting: string
  hostSetting: string
}

/** A client that sends its request no faster than this is cut off, so that slow ones cannot hold every connection. */
const PATIENCE = { headersTimeout: 5000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 }

/**
 * Serves an application over HTTP.
 *
 * @throws {SettingsError} naming the setting when the address cannot be used
 */
export async function listen(
  app: Pick<Hono, 'fetch'>,
  { port, host, portSetting, hostSetting }: ListenOptions,
): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch, serverOptions: PATIENCE }) as Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(asSettingsError(error)))
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }

  function asSettingsError(error: NodeJS.ErrnoException): Error {
    switch (error.code) {
      case 'EADDRINUSE':
        return new SettingsError([
          `${portSetting}: port ${port} is in use; set another, or 0 for any free one`,
        ])
      case 'EACCES':
        return new SettingsError([`${portSetting}: this user may not bind port ${port}; set one above 1023`])
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
        return new SettingsError([`${hostSetting}: ${host} is not an address of this machine`])
      default:
        return error
    }
  }
}
