import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readDatabaseIdentity } from '../../db/identity.js'
import { adoptQueue, claimQueue, foreignOwnerOf } from '../../queue/identity.js'
import { type EventQueue, openQueue } from '../../queue/open.js'
import { BACKENDS, queuePlace, useDatabase } from '../support/servers.js'

const shop = { id: 'shop', name: '"shop" on db:5432' }
const staging = { id: 'staging', name: '"staging" on db:5432' }

describe.each(BACKENDS)('the owner of a queue on %s', (backend) => {
  const database = useDatabase()
  let queue: EventQueue

  beforeEach(async () => {
    await database.sql(`delete from bullmq.meta where queue = 'auto-enroll'`)
    queue = openQueue({ ...queuePlace(backend, database), timeoutMs: 10_000, onError: () => undefined })
  })
  afterEach(() => queue.close())

  it('is the first database whose workers consume it, until they were silent for a minute', async () => {
    expect(await foreignOwnerOf(queue, staging)).toBe(undefined)
    expect(await claimQueue(queue, shop)).toBe(undefined)
    expect(await claimQueue(queue, staging)).toMatchObject(shop)
    expect(await foreignOwnerOf(queue, staging)).toMatchObject(shop)
    expect(await claimQueue(queue, shop)).toBe(undefined)
    await ownerWasLastThere(61_000)
    expect(await foreignOwnerOf(queue, staging)).toBe(undefined)
    expect(await claimQueue(queue, staging)).toBe(undefined)
    expect(await claimQueue(queue, shop)).toMatchObject(staging)
  })

  it('is another database at once when an operator says so', async () => {
    await claimQueue(queue, shop)
    await adoptQueue(queue, staging)
    expect(await claimQueue(queue, staging)).toBe(undefined)
    expect(await claimQueue(queue, shop)).toMatchObject(staging)
  })

  it('outlives neither its data nor a clock that was set back by an hour', async () => {
    await claimQueue(queue, shop)
    await ownerWasLastThere(-3_600_000)
    expect(await claimQueue(queue, staging)).toBe(undefined)
  })

  async function ownerWasLastThere(agoMs: number): Promise<void> {
    const { client, options } = queue.link
    const at = Date.now() - agoMs
    if (!('query' in client)) return void (await client.hset(`${options.prefix}:identity`, 'seenAt', at))
    await database.sql(
      `update bullmq.meta set value = (value::jsonb || jsonb_build_object('seenAt', $1::bigint))::text where queue = 'auto-enroll'`,
      [at],
    )
  }
})

describe('the identity of a database', () => {
  const [shopDatabase, copy, schema] = [
    useDatabase(),
    useDatabase(),
    useDatabase({ ddl: '', schema: 'school' }),
  ]

  it('stays the same for each role, and differs for a copy and for each schema', async () => {
    const ids = await Promise.all(
      [shopDatabase, copy, schema].map(async ({ db }) => (await readDatabaseIdentity(db)).id),
    )
    expect(new Set(ids).size).toBe(3)
    expect(await readDatabaseIdentity(shopDatabase.db)).toMatchObject({ id: ids[0] })
    expect((await readDatabaseIdentity(schema.db)).name).toMatch(
      /^"test_\w+" on [\d.]+:\d+, schema "school"$/,
    )
  })
})
