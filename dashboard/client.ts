import { BlockList, isIP, isIPv6 } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { LOOPBACK } from '../config/settings.js'

/** Where a request comes from, as far as the trusted proxies in between can be believed. */
interface Client {
  /** The address to count wrong passwords by. For IPv6 the network, because one person has all of its addresses. */
  address: string
  /** The hosts, with ports, that may be in the visitor's address bar. */
  hosts: readonly string[]
  /** Whether the visitor's browser uses TLS, if only to the first of several proxies. */
  overTls: boolean
}

/** Reads where requests come from. `trusted` are addresses, CIDRs and `unix:`. */
export type ClientReader = (c: Context) => Client

export function createClientReader(trusted: readonly string[]): ClientReader {
  const isTrusted = trustIn(trusted)
  return (c) => {
    const peer = peerOf(c)
    const believed = isTrusted(peer)
    const forwarded = believed ? parseForwarded(c.req.header('forwarded')) : []
    const listed = (name: string) => (believed ? list(c.req.header(name)) : [])
    const schemes = [...listed('x-forwarded-proto'), ...valuesOf(forwarded, 'proto')]
    const chains = [listed('x-forwarded-for'), valuesOf(forwarded, 'for'), listed('x-real-ip')]
    return {
      address: networkOf(clientOf(peer, chains, isTrusted)),
      hosts: [...list(c.req.header('host')), ...listed('x-forwarded-host'), ...valuesOf(forwarded, 'host')],
      // Each proxy may overwrite what the one before it said, but not what the browser says of its own page. Anyone who makes
      // it up only keeps their own cookie from themselves.
      overTls: schemes.includes('https') || c.req.header('origin')?.startsWith('https:') === true,
    }
  }
}

/** Whether the socket's other end is one of the trusted proxies. */
export function comesFromProxy(c: Context, trusted: readonly string[]): boolean {
  return trustIn(trusted)(peerOf(c))
}

const PROXY_HEADERS =
  /^(forwarded|via|x-forwarded.*|x-real-ip|(true-|x-|x-cluster-)?client-ip|cf-.*|cdn-loop|proxy-.*|x-(original|envoy|amzn|azure|arr|proxy|scheme|rewrite).*|(fastly|fly|tailscale)-.*)$/

/** What shows that a request came through a proxy; a proxy that leaves no trace at all cannot be recognized. */
export function signOfProxy(c: Context): string | undefined {
  const { headers, httpVersion } = incoming(c)
  const header = Object.keys(headers).find((name) => PROXY_HEADERS.test(name))
  if (header !== undefined) return `the header ${header}`
  // nginx speaks it to the server behind it; browsers and curl no longer do.
  return httpVersion === '1.0' ? 'HTTP/1.0' : undefined
}

/** What shows that a request does not come from a browser or program on this machine. */
export function signOfElsewhere(c: Context): string | undefined {
  const sign = signOfProxy(c)
  if (sign !== undefined) return sign
  const { headers } = incoming(c)
  if (!isLoopback(peerOf(c))) return `the address ${peerOf(c)}`
  // A page of another site could have its name resolve to this machine.
  const { host } = headers
  if (host === undefined || !isLocalHost(`http://${host}`)) return `the host ${host ?? '(none)'}`
  const { origin, referer } = headers
  if (origin !== undefined && !isLocalHost(origin)) return `the origin ${origin}`
  if (headers['sec-fetch-site'] === 'same-origin' && referer !== undefined && !isLocalHost(referer))
    return 'the referrer'
  return undefined
}

/**
 * Of each header's chain, which the nearest proxy wrote last, the last address that is not a proxy's own. Proxies set one of
 * the headers and pass the others on as the client made them up, so where two disagree, neither is believed.
 */
function clientOf(
  peer: string,
  chains: readonly (readonly string[])[],
  isTrusted: (address: string) => boolean,
): string {
  const addresses = chains.map((chain) => chain.map(withoutPort))
  const named = new Set(
    addresses
      .map((chain) => chain.findLast((address) => !isTrusted(address)))
      .filter((address) => address !== undefined),
  )
  const [client] = named
  if (named.size > 1) return `unclear, by way of ${peer}`
  return client ?? addresses.find((chain) => chain.length > 0)?.[0] ?? peer
}

function trustIn(trusted: readonly string[]): (address: string) => boolean {
  const proxies = new BlockList()
  for (const entry of trusted.filter((entry) => entry !== 'unix:')) {
    const [address = '', bits] = entry.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (bits === undefined) proxies.addAddress(address, family)
    else proxies.addSubnet(address, Number(bits), family)
  }
  return (address) => {
    const version = isIP(address)
    return version === 0
      ? address === 'unix:' && trusted.includes('unix:')
      : proxies.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}

function incoming(c: Context): HttpBindings['incoming'] {
  return (c.env as HttpBindings).incoming
}

function peerOf(c: Context): string {
  return asIPv4(incoming(c).socket.remoteAddress ?? '')
}

/** An IPv4 address that came over an IPv6 socket, as it is usually written. */
function asIPv4(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address)
}

function isLocalHost(url: string): boolean {
  if (!URL.canParse(url)) return false
  const hostname = new URL(url).hostname.replace(/^\[|\]$/g, '')
  return LOOPBACK.includes(hostname) || isLoopback(hostname) || hostname.endsWith('.localhost')
}

/** What stands between the commas, without spaces and in lower case. */
function list(header = ''): string[] {
  return header
    .toLowerCase()
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** The elements of RFC 7239's header, one for each proxy. */
function parseForwarded(header = ''): ReadonlyMap<string, string>[] {
  return list(header).map(
    (element) =>
      new Map(
        element.split(';').map((pair) => {
          const [name = '', value = ''] = pair.split('=', 2)
          return [name.trim(), value.trim().replace(/^"|"$/g, '')] as const
        }),
      ),
  )
}

function valuesOf(elements: readonly ReadonlyMap<string, string>[], name: string): string[] {
  return elements.map((element) => element.get(name)).filter((value) => value !== undefined)
}

/** `192.0.2.1:8080`, `[2001:db8::1]:8080` and `[2001:db8::1]` without port and brackets. */
function withoutPort(text: string): string {
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([^:]*):\d+$/.exec(text)?.[1] ?? text
  return asIPv4(bare).slice(0, 100)
}

/** The first 64 bits of an IPv6 address; anything else as it is. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const canonical = new URL(`http://[${address.replace(/%.*/, '')}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const [before, after] = [head, tail ?? ''].map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = 8 - (before?.length ?? 0) - (after?.length ?? 0)
  return `${[...(before ?? []), ...Array(zeros).fill('0'), ...(after ?? [])].slice(0, 4).join(':')}::/64`
}
