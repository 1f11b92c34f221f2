import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lastPauseOrResume, NoAuditTable, outcomeInWords, readAudit } from '../../db/audit.js'
import { beginRecord } from '../../db/audit-record.js'
import { connectDatabase } from '../../db/connect.js'
import type { Database } from '../../db/schema.js'
import { type Gate, makeGate } from '../support/gate.js'
import { useDatabase } from '../support/servers.js'

const EVENT = { who: 'ada', through: 'command', action: 'pause' } as const
const PAUSED = { result: 'paused', succeeded: true }

describe('the audit log', () => {
  const database = useDatabase()
  let gate: Gate
  let db: Database

  beforeEach(async () => {
    await database.sql('truncate auto_enroll.audit')
    gate = await makeGate(database.url)
    await gate.open()
    db = connectDatabase(gate.url, { applicationName: 'audited' })
  })
  afterEach(async () => {
    await gate.shut()
    await db.destroy()
  })

  /** Records a pause, and measures how long it kept the pause waiting. */
  async function record(): Promise<{ failure: unknown; tookMs: number }> {
    const startedAt = performance.now()
    const entry = await beginRecord(db, EVENT)
    const failure = await entry.end(PAUSED)
    return { failure, tookMs: performance.now() - startedAt }
  }

  function statementsLeft() {
    return database.sql(
      `select query from pg_stat_activity where application_name = 'audited' and state <> 'idle'`,
    )
  }

  it('has an entry from the beginning of an action on, and its result at the end', async () => {
    const entry = await beginRecord(db, EVENT)
    expect(await readAudit(db, 9)).toMatchObject([{ ...EVENT, isCutOff: false }])
    expect(await entry.end(PAUSED)).toBe(undefined)
    expect(await readAudit(db, 9)).toMatchObject([{ ...EVENT, ...PAUSED, isCutOff: false }])
  })

  it('keeps nobody waiting for longer than a second while its table is locked, and leaves no statement behind', async () => {
    await database.sql('begin')
    await database.sql('lock table auto_enroll.audit in access exclusive mode')
    const { failure, tookMs } = await record()
    // On a busy machine the client gives up first.
    expect(failure).toMatchObject({ message: expect.stringMatching(/holds a lock on it|no answer within/) })
    expect(tookMs).toBeLessThan(2500)
    await expect.poll(statementsLeft).toEqual([])
    await database.sql('rollback')
    expect(await readAudit(db, 9)).toEqual([])
  })

  it('keeps nobody waiting for longer than a second while the database hangs, and gets no entry afterwards', async () => {
    await readAudit(db, 1)
    gate.freeze()
    const { failure, tookMs } = await record()
    expect(failure).toMatchObject({ message: 'no answer within 1000 ms' })
    expect(tookMs).toBeLessThan(2500)
    gate.thaw()
    await expect.poll(statementsLeft).toEqual([])
    expect(await database.sql('select who from auto_enroll.audit')).toEqual([])
  })

  it('gets the whole entry at the end where the beginning could not be written', async () => {
    await database.sql('begin')
    await database.sql('lock table auto_enroll.audit in access exclusive mode')
    const entry = await beginRecord(db, EVENT)
    expect(entry.failure).toBeInstanceOf(Error)
    await database.sql('rollback')
    expect(await entry.end(PAUSED)).toBe(undefined)
    const [{ early } = {}] = await database.sql(`select at < finished_at as early from auto_enroll.audit`)
    expect(early).toBe(true)
    expect(await readAudit(db, 9)).toMatchObject([{ ...EVENT, ...PAUSED }])
  })

  it('shows an action whose process was killed as cut off, with how far it got', async () => {
    await database.sql(`
      insert into auto_enroll.audit (who, "through", action, at, progress, seen_at) values
        ('1', 'command', 'backfill', now() - interval '1 hour', '5 users were queued', now() - interval '59 minutes'),
        ('2', 'command', 'backfill', now() - interval '1 hour', '7 users were queued', now() - interval '4 seconds'),
        ('3', 'command', 'pause', now() - interval '31 seconds', null, null)`)
    expect((await readAudit(db, 9)).map(outcomeInWords).reverse()).toEqual([
      'cut off; the last that is known: 5 users were queued',
      'in progress: 7 users were queued',
      'cut off: no result was recorded',
    ])
  })

  it('knows who paused by a rollback that was interrupted', async () => {
    const entry = await beginRecord(db, { ...EVENT, action: 'rollback', target: 'a to b' })
    await entry.end({
      result: 'interrupted by SIGINT; the queue is paused; 1 of 2 removed',
      succeeded: false,
    })
    expect(await lastPauseOrResume(db)).toMatchObject({ who: 'ada', action: 'rollback', target: 'a to b' })
    await (await beginRecord(db, { ...EVENT, action: 'rollback' })).end({
      result: 'ECONNREFUSED',
      succeeded: false,
    })
    expect(await lastPauseOrResume(db)).toMatchObject({ target: 'a to b' })
  })
})

describe('an audit log of version 0.1', () => {
  const database = useDatabase({
    ddl: 'create schema auto_enroll; create table auto_enroll.audit (id bigint, at timestamptz, who text)',
  })

  it('is out of date, and what is done is not recorded', async () => {
    const { failure } = await beginRecord(database.db, EVENT)
    expect(failure).toBeInstanceOf(NoAuditTable)
    await expect(readAudit(database.db, 1)).rejects.toThrow(/out of date; npm run migrate creates it/)
  })
})
