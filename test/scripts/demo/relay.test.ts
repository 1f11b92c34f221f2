import { Redis } from 'ioredis'
import { describe, expect, inject, it } from 'vitest'
import { openRelay } from '../../../scripts/demo/relay.js'

describe('the relay to the queue', () => {
  it('connects to the queue, drops every connection while it is cut, and works again after', async () => {
    const relay = await openRelay(`${inject('redisUrl')}/4`)
    const redis = new Redis(relay.url, { maxRetriesPerRequest: 0, retryStrategy: () => 20 })
    redis.on('error', () => undefined)
    expect(await redis.ping()).toBe('PONG')

    await relay.cut()
    expect(relay.isCut()).toBe(true)
    await expect(redis.ping()).rejects.toThrow()
    const newcomer = new Redis(relay.url, { lazyConnect: true, retryStrategy: () => null })
    newcomer.on('error', () => undefined)
    await expect(newcomer.connect()).rejects.toThrow()

    await relay.restore()
    await expect.poll(() => redis.ping().catch(() => undefined)).toBe('PONG')
    redis.disconnect()
    await relay.cut()
  })

  it.each([
    'rediss://localhost:6379',
    'redis+cluster://localhost:7000,localhost:7001',
    'redis+sentinel://localhost:26379/main',
    'postgres://localhost/app?sslmode=require',
  ])('refuses %s and says what works instead', async (url) => {
    await expect(openRelay(url)).rejects.toThrow('unset DATABASE_URL and QUEUE_URL')
  })
})
