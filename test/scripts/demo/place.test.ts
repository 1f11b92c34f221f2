import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { claimKeys } from '../../../scripts/demo/own-keys.js'
import { claimSchema } from '../../../scripts/demo/own-schema.js'
import { useDatabase } from '../../support/servers.js'

describe('the demo’s schema', () => {
  const database = useDatabase()
  const schemas = async () =>
    (await database.sql(`select nspname from pg_namespace where nspname like 'corner%'`)).map(
      (row) => row.nspname,
    )

  it('belongs to one demo at a time and is removed when it ends', async () => {
    const release = await claimSchema(database.url, 'corner')
    expect(await schemas()).toEqual(['corner'])
    await expect(claimSchema(database.url, 'corner')).rejects.toThrow('another demo is running')
    await release()
    expect(await schemas()).toEqual([])
  })

  it('replaces what a killed demo left behind', async () => {
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

  it('is refused, and untouched, if somebody else has a schema of that name', async () => {
    await database.sql('create schema corner; create table corner.precious ()')
    await expect(claimSchema(database.url, 'corner')).rejects.toThrow('that no demo created')
    expect(await database.sql(`select to_regclass('corner.precious') is not null as found`)).toEqual([
      { found: true },
    ])
    await database.sql('drop schema corner cascade')
  })
})

describe('the demo’s key prefix', () => {
  const url = () => `${inject('redisUrl')}/2`
  let redis: Redis

  beforeAll(() => {
    redis = new Redis(url())
  })
  afterAll(() => redis.disconnect())

  it('belongs to one demo at a time and is removed when it ends', async () => {
    await redis.set('{corner}-of-others', '1')
    const release = await claimKeys(url(), '{corner}')
    await redis.set('{corner}:user-created:id', '1')
    await expect(claimKeys(url(), '{corner}')).rejects.toThrow('another demo is running')
    await release()
    expect(await redis.keys('*')).toEqual(['{corner}-of-others'])
  })

  it('replaces what a killed demo left behind', async () => {
    const release = await claimKeys(url(), '{corner}')
    await redis.set('{corner}:user-created:id', '1')
    await redis.del('{corner}:demo-is-running')
    const releaseSecond = await claimKeys(url(), '{corner}')
    expect(await redis.exists('{corner}:user-created:id')).toBe(0)
    await Promise.all([release(), releaseSecond()])
  })

  it('is refused, and untouched, if somebody else has keys under it', async () => {
    await redis.set('{corner}:precious', '1')
    await expect(claimKeys(url(), '{corner}')).rejects.toThrow('that no demo created')
    expect(await redis.keys('{corner}:*')).toEqual(['{corner}:precious'])
    await redis.del('{corner}:precious')
  })
})
