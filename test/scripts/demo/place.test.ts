import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { claimKeys } from '../../../scripts/demo/own-keys.js'
import { claimSchema } from '../../../scripts/demo/own-schema.js'
import { useDatabase } from '../../support/servers.js'

describe('a schema of the demo’s own', () => {
  const database = useDatabase()
  const schemas = async () =>
    (await database.sql(`select nspname from pg_namespace where nspname like 'corner%'`)).map(
      (row) => row.nspname,
    )

  it('is there for one demo at a time, and gone when it ends', async () => {
    const release = await claimSchema(database.url, 'corner')
    expect(await schemas()).toEqual(['corner'])
    await expect(claimSchema(database.url, 'corner')).rejects.toThrow('another demo is running')
    await release()
    expect(await schemas()).toEqual([])
  })

  it('takes the place of what a demo that was killed left behind', async () => {
    const release = await claimSchema(database.url, 'corner')
    await database.sql('create table corner.leftover ()')
    await database.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'auto-enroll demo'
        and datname = current_database()`,
    )
    const releaseSecond = await claimSchema(database.url, 'corner')
    expect(await database.sql(`select to_regclass('corner.leftover') as found`)).toEqual([{ found: null }])
    await Promise.all([release(), releaseSecond()])
  })

  it('is refused where somebody else has a schema of that name, which stays as it is', async () => {
    await database.sql('create schema corner; create table corner.precious ()')
    await expect(claimSchema(database.url, 'corner')).rejects.toThrow('that no demo made')
    expect(await database.sql(`select to_regclass('corner.precious') is not null as found`)).toEqual([
      { found: true },
    ])
    await database.sql('drop schema corner cascade')
  })
})

describe('a prefix of the demo’s own', () => {
  const url = () => `${inject('redisUrl')}/2`
  let redis: Redis

  beforeAll(() => {
    redis = new Redis(url())
  })
  afterAll(() => redis.disconnect())

  it('is there for one demo at a time, and gone when it ends', async () => {
    await redis.set('{corner}-of-others', '1')
    const release = await claimKeys(url(), '{corner}')
    await redis.set('{corner}:user-created:id', '1')
    await expect(claimKeys(url(), '{corner}')).rejects.toThrow('another demo is running')
    await release()
    expect(await redis.keys('*')).toEqual(['{corner}-of-others'])
  })

  it('takes the place of what a demo that was killed left behind', async () => {
    const release = await claimKeys(url(), '{corner}')
    await redis.set('{corner}:user-created:id', '1')
    await redis.del('{corner}:demo-is-running')
    const releaseSecond = await claimKeys(url(), '{corner}')
    expect(await redis.exists('{corner}:user-created:id')).toBe(0)
    await Promise.all([release(), releaseSecond()])
  })

  it('is refused where somebody else has keys under it, which stay as they are', async () => {
    await redis.set('{corner}:precious', '1')
    await expect(claimKeys(url(), '{corner}')).rejects.toThrow('that no demo made')
    expect(await redis.keys('{corner}:*')).toEqual(['{corner}:precious'])
    await redis.del('{corner}:precious')
  })
})
