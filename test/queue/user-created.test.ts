import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jobOptions, parseUserCreated, SOURCES, type UserCreated } from '../../queue/user-created.js'

const EVENT: UserCreated = {
  v: 1,
  userId: 'u1',
  source: 'credentials',
  occurredAt: '2026-01-19T08:30:00.000Z',
}

describe('the event user.created', () => {
  it('drops what the contract does not name', () => {
    const given = { ...EVENT, email: 'ada@example.com', passwordHash: 'x', ['__proto__']: { admin: true } }
    expect(parseUserCreated(given)).toEqual({ ok: true, event: EVENT })
  })

  it.each(SOURCES)('comes from %s', (source) => {
    expect(parseUserCreated({ ...EVENT, source })).toEqual({ ok: true, event: { ...EVENT, source } })
  })

  it('comes from exactly the sources of the design', () => {
    expect(SOURCES).toEqual(['credentials', 'google', 'oauth', 'webhook', 'admin', 'backfill', 'reconcile'])
  })

  it.each([
    ['a', true],
    ['ü'.repeat(255), true],
    ['x'.repeat(255), true],
    ['x'.repeat(256), false],
    ['', false],
    [7, false],
    [7n, false],
    [null, false],
    [undefined, false],
  ])('has a user id of 1 to 255 characters: case %#', (userId, ok) => {
    expect(parseUserCreated({ ...EVENT, userId }).ok).toBe(ok)
  })

  it.each([
    ['2026-01-19T08:30:00Z', true],
    ['2026-01-19T08:30:00.123456Z', true],
    ['2026-01-19T08:30:00+05:30', true],
    ['2026-01-19T08:30:00', false],
    ['2026-01-19', false],
    ['2026-02-30T08:30:00Z', false],
    ['yesterday', false],
    [1_768_811_400_000, false],
    [new Date(), false],
  ])('has happened at %s: %s', (occurredAt, ok) => {
    expect(parseUserCreated({ ...EVENT, occurredAt }).ok).toBe(ok)
  })

  it('names every field that is wrong, and repeats none', () => {
    const parsed = parseUserCreated({ v: 2, userId: '', source: 'hush', occurredAt: 'hush' })
    expect(parsed).toEqual({
      ok: false,
      reason:
        'v: expected version 1; userId: expected at least one character; ' +
        'source: expected one of credentials, google, oauth, webhook, admin, backfill, reconcile; ' +
        'occurredAt: expected an ISO 8601 date and time with its offset',
    })
    expect(parseUserCreated(undefined)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('event: '),
    })
  })

  it('that is anything at all is read or refused with a reason', () => {
    const field = fc.oneof(
      fc.anything({ withBigInt: true, withDate: true }),
      fc.string().map((s) => `hush-hush${s}`),
    )
    const almost = fc.record({
      v: fc.oneof(fc.constant(1), field),
      userId: fc.oneof(fc.string({ maxLength: 300 }), field),
      source: fc.oneof(fc.constantFrom(...SOURCES), field),
      occurredAt: fc.oneof(
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
        field,
      ),
    })
    fc.assert(
      fc.property(fc.oneof(fc.anything(), almost), (given) => {
        const parsed = parseUserCreated(given)
        if (parsed.ok) {
          expect(Object.keys(parsed.event).sort()).toEqual(['occurredAt', 'source', 'userId', 'v'])
          expect(parsed.event.userId.length).toBeLessThanOrEqual(255)
          expect(Number.isNaN(Date.parse(parsed.event.occurredAt))).toBe(false)
        } else {
          expect(parsed.reason).not.toBe('')
          expect(parsed.reason).not.toContain('hush-hush')
        }
      }),
      { numRuns: 10_000 },
    )
  })
})

describe('its job', () => {
  it.each(SOURCES)('from %s is retried, kept and deduplicated as the design says', (source) => {
    const waits = source === 'backfill' || source === 'reconcile'
    const { priority, ...options } = jobOptions({ ...EVENT, source })
    expect(options).toEqual({
      attempts: 8,
      backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
      removeOnComplete: { count: 1000, age: 3600 },
      removeOnFail: { count: 10_000, age: 1_209_600 },
      deduplication: { id: 'u1' },
    })
    expect(priority === undefined).toBe(!waits)
  })
})
