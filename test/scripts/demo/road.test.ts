import { Redis } from 'ioredis'
import { describe, expect, inject, it } from 'vitest'
import { openRoad } from '../../../scripts/demo/road.js'

describe('the road to the queue', () => {
  it('leads to the queue, is cut for those on it and those to come, and leads there again', async () => {
    const road = await openRoad(`${inject('redisUrl')}/4`)
    const redis = new Redis(road.url, { maxRetriesPerRequest: 0, retryStrategy: () => 20 })
    redis.on('error', () => undefined)
    expect(await redis.ping()).toBe('PONG')

    await road.cut()
    expect(road.isCut()).toBe(true)
    await expect(redis.ping()).rejects.toThrow()
    const newcomer = new Redis(road.url, { lazyConnect: true, retryStrategy: () => null })
    newcomer.on('error', () => undefined)
    await expect(newcomer.connect()).rejects.toThrow()

    await road.mend()
    await expect.poll(() => redis.ping().catch(() => undefined)).toBe('PONG')
    redis.disconnect()
    await road.cut()
  })

  it.each([
    'rediss://localhost:6379',
    'redis+cluster://localhost:7000,localhost:7001',
    'redis+sentinel://localhost:26379/main',
    'postgres://localhost/app?sslmode=require',
  ])('cannot stand in for %s, and says what can be done', async (url) => {
    await expect(openRoad(url)).rejects.toThrow('unset DATABASE_URL and QUEUE_URL')
  })
})
