import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readSettings, SettingsError } from '../../config/settings.js'

/** As the README lists them. */
const DEFAULTS = {
  DATABASE_URL: undefined,
  QUEUE_URL: undefined,
  QUEUE_PREFIX: '{auto-enroll}',
  AUTO_ENROLL_ENABLED: true,
  PUBLISH_TIMEOUT_MS: 250,
  WORKER_CONCURRENCY: 300,
  RECONCILE_INTERVAL_MS: 60_000,
  SHUTDOWN_TIMEOUT_MS: 10_000,
  ENROLLMENT_STATUS: 'active',
  WORKER_HTTP_PORT: 9464,
  WORKER_HTTP_HOST: '127.0.0.1',
  DASHBOARD_PORT: 9465,
  DASHBOARD_HOST: '127.0.0.1',
  DASHBOARD_USER: 'admin',
  DASHBOARD_PASSWORD: undefined,
  LOG_LEVEL: 'info',
}

describe('settings', () => {
  it('have their defaults in an empty environment', () => {
    expect(readSettings({})).toMatchObject(DEFAULTS)
  })

  it('have their defaults where a variable is empty or blank', () => {
    const empty = Object.fromEntries(
      Object.keys(DEFAULTS).map((name, index) => [name, index % 2 ? '' : '  ']),
    )
    expect(readSettings({ ...empty, REDIS_URL: '' })).toMatchObject(DEFAULTS)
  })

  it('are read from the environment, and cannot be changed', () => {
    const settings = readSettings({
      DATABASE_URL: ' postgres://ada@localhost/school ',
      AUTO_ENROLL_ENABLED: 'false',
      PUBLISH_TIMEOUT_MS: '100',
      RECONCILE_INTERVAL_MS: '0',
      WORKER_HTTP_PORT: '0',
      ENROLLMENT_STATUS: 'ACTIVE',
      DASHBOARD_HOST: '0.0.0.0',
      DASHBOARD_PASSWORD: 'long enough',
    })
    expect(settings).toMatchObject({
      DATABASE_URL: 'postgres://ada@localhost/school',
      AUTO_ENROLL_ENABLED: false,
      PUBLISH_TIMEOUT_MS: 100,
      RECONCILE_INTERVAL_MS: 0,
      WORKER_HTTP_PORT: 0,
      ENROLLMENT_STATUS: 'ACTIVE',
      DASHBOARD_HOST: '0.0.0.0',
    })
    expect(Object.isFrozen(settings)).toBe(true)
  })

  it('use REDIS_URL if QUEUE_URL is not set, and name the variable that is wrong', () => {
    expect(readSettings({ REDIS_URL: 'redis://a', QUEUE_URL: '' }).QUEUE_URL).toBe('redis://a')
    expect(readSettings({ REDIS_URL: 'redis://a', QUEUE_URL: 'redis://b' }).QUEUE_URL).toBe('redis://b')
    expect(problems({ REDIS_URL: 'http://a' })[0]).toMatch(/^REDIS_URL: has the scheme "http:"/)
    expect(problems({ QUEUE_URL: 'http://a' })[0]).toMatch(/^QUEUE_URL: has the scheme "http:"/)
  })

  it('report all problems at once: missing, malformed and conflicting values', () => {
    const found = problems(
      {
        QUEUE_URL: 'redis+cluster://h1,h2',
        QUEUE_PREFIX: 'plain',
        AUTO_ENROLL_ENABLED: 'perhaps',
        PUBLISH_TIMEOUT_MS: '5.5',
        WORKER_CONCURRENCY: '0',
        DASHBOARD_HOST: '0.0.0.0',
        LOG_LEVEL: 'loud',
      },
      ['DATABASE_URL', 'QUEUE_URL'],
    )
    expect(found).toEqual([
      'DATABASE_URL is not set; expected postgres://user:password@host:5432/database',
      'AUTO_ENROLL_ENABLED: expected true or false, got "perhaps"',
      'PUBLISH_TIMEOUT_MS: expected a whole number of milliseconds from 10 to 60000, got "5.5"',
      'WORKER_CONCURRENCY: expected a whole number from 1 to 10000, got "0"',
      expect.stringMatching(/^LOG_LEVEL: .*"info".*, got "loud"$/),
      expect.stringMatching(/^QUEUE_PREFIX: expected a name in braces.*, got "plain"$/),
      expect.stringMatching(/^DASHBOARD_HOST: expected 127.0.0.1, ::1 or localhost while .*, got "0.0.0.0"$/),
    ])
  })

  it.each([
    ['PUBLISH_TIMEOUT_MS', ['10', '60000'], ['9', '60001', '-1', 'NaN', 'soon']],
    ['WORKER_CONCURRENCY', ['1', '10000'], ['0', '10001', '1.5', 'many']],
    // A longer timer would fire at once, again and again.
    ['RECONCILE_INTERVAL_MS', ['0', '2147483647'], ['-1', '2147483648', 'Infinity']],
    ['SHUTDOWN_TIMEOUT_MS', ['0', '2147483647'], ['-1', '2147483648']],
    ['WORKER_HTTP_PORT', ['0', '65535'], ['-1', '65536', 'http']],
    ['DASHBOARD_PORT', ['0', '65535'], ['-1', '65536', '80.5']],
    ['QUEUE_PREFIX', ['x', '{a:0}', 'x'.repeat(100)], ['a b', 'x'.repeat(101)]],
    ['AUTO_ENROLL_ENABLED', ['true', 'FALSE', '1', '0'], ['2', 'maybe']],
    ['DASHBOARD_HOST', ['::1', 'localhost'], ['0.0.0.0', '::', '192.0.2.1', 'example.com']],
    [
      'DATABASE_URL',
      ['postgresql:///school', 'postgres://a:%40@[::1]:5432/b?schema=c'],
      ['mysql://a/b', 'school'],
    ],
    [
      'DATABASE_URL',
      ['POSTGRES://a:p%25@b/c'],
      ['postgres://a:p%@b/c', 'postgres://a:%C3@b/c', 'postgres://a:x@b:99999/c'],
    ],
  ])('%s has limits: case %#', (name, right, wrong) => {
    for (const value of right) expect(problems({ [name]: value }), value).toEqual([])
    for (const value of wrong) {
      expect(problems({ [name]: value }), value).toEqual([
        expect.stringMatching(new RegExp(`^${name}: .*expected `)),
      ])
    }
  })

  it('of any values are read, or rejected by name without repeating a secret', () => {
    const password = fc
      .string({ minLength: 0, maxLength: 20, unit: 'grapheme' })
      .map((text) => `hush-hush${text}`)
    const secretUrl = fc
      .tuple(
        fc.constantFrom('postgres', 'redis', 'rediss+cluster', 'redis+sentinel', 'http', ''),
        password,
        fc.constantFrom('@', '@@', '/', ' @', '@h:99999', '@h,', '@[', '@h/db?x='),
        password,
      )
      .map(([scheme, login, between, rest]) => `${scheme}://user:${login}${between}${rest}`)
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.integer().map(String), secretUrl)
    const secret = fc.oneof(secretUrl, password)
    const environment = fc.record(
      Object.fromEntries(
        [...Object.keys(DEFAULTS), 'REDIS_URL'].map((name) => [
          name,
          /URL|PASSWORD/.test(name) ? secret : value,
        ]),
      ),
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(environment, (env) => {
        try {
          const settings = readSettings(env, ['DATABASE_URL', 'QUEUE_URL'])
          expect(settings.PUBLISH_TIMEOUT_MS).toBeLessThanOrEqual(60_000)
        } catch (error) {
          expect(error).toBeInstanceOf(SettingsError)
          const { message } = error as SettingsError
          expect(message).toMatch(/^(A setting is|\d+ settings are) wrong:\n {2}[A-Z_]+(:| is not set)/)
          expect(message).not.toContain('hush-hush')
        }
      }),
      { numRuns: 10_000 },
    )
  }, 120_000)
})

function problems(
  env: Record<string, string>,
  needed: ('DATABASE_URL' | 'QUEUE_URL')[] = [],
): readonly string[] {
  try {
    readSettings(env, needed)
    return []
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
}
