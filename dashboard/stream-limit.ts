import type { HttpBindings } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'
import type { Visit } from './person.js'

const STREAMS_OF_ONE_PERSON = 200
const STREAMS_IN_ALL = 400

/** Refuses more open streams than this process can feed every second. */
export function limitStreams(): MiddlewareHandler<Visit> {
  const open = new Map<string, number>()
  return async (c, next) => {
    const { name } = c.get('person')
    const own = open.get(name) ?? 0
    const all = [...open.values()].reduce((sum, streams) => sum + streams, 0)
    if (own >= STREAMS_OF_ONE_PERSON || all >= STREAMS_IN_ALL) {
      return c.text('Too many open pages; close some.', 503, { 'retry-after': '10' })
    }
    open.set(name, own + 1)
    ;(c.env as HttpBindings).outgoing.once('close', () => {
      const left = (open.get(name) ?? 1) - 1
      if (left === 0) open.delete(name)
      else open.set(name, left)
    })
    return next()
  }
}
