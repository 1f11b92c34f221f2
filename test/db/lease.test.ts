import { beforeEach, describe, expect, it } from 'vitest'
import { createLease, LeaseLost } from '../../db/lease.js'
import { useDatabase } from '../support/servers.js'

/** A promise that the test resolves. */
function signal() {
  let send: () => void = () => undefined
  const sent = new Promise<void>((resolve) => {
    send = resolve
  })
  return { send: () => send(), sent }
}

describe('a lease', () => {
  const database = useDatabase()
  beforeEach(() => database.sql('truncate auto_enroll.lease'))

  const join = (leaseMs: number) => createLease(database.db, { name: 'work', everyMs: 0, leaseMs })

  it('is kept by a holder that takes steps, however long its work takes', async () => {
    const [holder, other] = [join(300), join(300)]
    await holder.run(async ({ renew }) => {
      for (const end = performance.now() + 1000; performance.now() < end; ) {
        await renew()
        expect(await other.run(async () => 'taken')).toBe(undefined)
      }
    })
    expect(await other.run(async () => 'taken')).toBe('taken')
  })

  it('is lost by a holder that hangs, which learns of it with its next step', async () => {
    const [holder, other] = [join(300), join(300)]
    const { send, sent } = signal()
    const hanging = holder.run(async ({ renew }) => {
      await sent
      await renew()
    })
    const taken = other.run(async () => 'too early')
    expect(await taken).toBe(undefined)
    await expect.poll(() => other.run(async () => 'taken')).toBe('taken')
    send()
    await expect(hanging).rejects.toThrow(LeaseLost)
  })

  it('is free at once after work that failed', async () => {
    const lease = createLease(database.db, { name: 'work', everyMs: 60_000 })
    const failing = lease.run(async () => {
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await join(300).run(async () => 'taken')).toBe('taken')
  })

  it('is free although the clock of the database was set back', async () => {
    const lease = createLease(database.db, { name: 'work', everyMs: 60_000 })
    await join(300).run(async () => undefined)
    const anHourAhead = `update auto_enroll.lease set held_until = now() + interval '1 hour', ended_at = now() + interval '1 hour'`
    await database.sql(anHourAhead)
    expect(await lease.run(async () => 'taken')).toBe('taken')
  })

  it('does not fail work that was done when it cannot be given back', async () => {
    const done = join(300).run(async () => {
      await database.sql('alter table auto_enroll.lease rename to elsewhere')
      return 'done'
    })
    expect(await done).toBe('done')
    await database.sql('alter table auto_enroll.elsewhere rename to lease')
  })
})
