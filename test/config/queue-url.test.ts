import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseQueueUrl, prefixProblem, queueUrlProblem } from '../../config/queue-url.js'

describe('a queue URL', () => {
  it.each([
    [
      'redis://localhost',
      { kind: 'redis', hosts: [at('localhost', 6379)], credentials: {}, tls: false, db: 0 },
    ],
    [
      'redis://cache:7777/3',
      { kind: 'redis', hosts: [at('cache', 7777)], credentials: {}, tls: false, db: 3 },
    ],
    [
      ' REDISS://ada:p%40ss%2Fw%3Ard%25@cache?family=6 ',
      {
        kind: 'redis',
        hosts: [at('cache', 6379)],
        credentials: { username: 'ada', password: 'p@ss/w:rd%' },
        tls: true,
        db: 0,
      },
    ],
    [
      'redis://:only@cache',
      { kind: 'redis', hosts: [at('cache', 6379)], credentials: { password: 'only' }, tls: false, db: 0 },
    ],
    ['redis://[::1]:7000/', { kind: 'redis', hosts: [at('::1', 7000)], credentials: {}, tls: false, db: 0 }],
    [
      'redis+cluster://ada@h1:7000, h2,[2001:db8::1]:7002',
      {
        kind: 'cluster',
        hosts: [at('h1', 7000), at('h2', 6379), at('2001:db8::1', 7002)],
        credentials: { username: 'ada' },
        tls: false,
      },
    ],
    ['rediss+cluster://h1/0', { kind: 'cluster', hosts: [at('h1', 6379)], credentials: {}, tls: true }],
    [
      'redis+sentinel://:pw@s1,s2:5000/my%20master/2',
      {
        kind: 'sentinel',
        hosts: [at('s1', 26379), at('s2', 5000)],
        credentials: { password: 'pw' },
        tls: false,
        db: 2,
        master: 'my master',
      },
    ],
    [
      'rediss+sentinel://s1/main',
      { kind: 'sentinel', hosts: [at('s1', 26379)], credentials: {}, tls: true, db: 0, master: 'main' },
    ],
    [' postgres://a:b@h/d?schema=x ', { kind: 'postgres', url: 'postgres://a:b@h/d?schema=x' }],
    ['postgresql://h', { kind: 'postgres', url: 'postgresql://h' }],
  ])('%s is understood', (url, address) => {
    expect(parseQueueUrl(url)).toEqual(address)
  })

  it.each([
    ['', 'is not a URL'],
    ['localhost:6379', 'is not a URL'],
    ['redis://a@b@c', 'is not a URL'],
    ['redis:///0', 'lacks a readable host or port'],
    ['redis://h:70000', 'lacks a readable host or port'],
    ['redis://h:0', 'lacks a readable host or port'],
    ['redis://::1:6379', 'lacks a readable host or port'],
    ['redis+cluster://h1,,h2', 'lacks a readable host or port'],
    ['redis://h/zero', 'has a path that is not a database number'],
    ['redis://h1,h2', 'names 2 hosts; for several use redis+cluster://'],
    ['redis://ada:%zz@h', 'is not percent-encoded correctly'],
    ['redis+cluster://h1/1', 'Redis Cluster has only database 0'],
    ['redis+sentinel://s1', 'lacks the master name'],
    ['redis+sentinel://s1//1', 'lacks the master name'],
    ['postgres://h:99999/d', 'is not a readable postgres:// URL'],
    ['postgres://a:%C3@h/d', 'is not a readable postgres:// URL'],
    ['amqp://h', 'has the scheme "amqp:", which is not supported'],
  ])('%j: %s', (url, problem) => {
    expect(queueUrlProblem(url)).toContain(problem)
    expect(queueUrlProblem(url)).toContain(
      '; expected redis://host:6379, rediss://host:6379, redis+cluster://',
    )
  })

  it('of a cluster requires a prefix with a name in braces', () => {
    expect(prefixProblem('redis+cluster://h', '{auto-enroll}')).toBeUndefined()
    expect(prefixProblem('redis+cluster://h', 'x{0}y')).toBeUndefined()
    expect(prefixProblem('redis+cluster://h', 'x{}y')).toMatch(/expected a name in braces/)
    expect(prefixProblem('redis+cluster://h', 'plain')).toMatch(/expected a name in braces/)
    expect(prefixProblem('redis://h', 'plain')).toBeUndefined()
  })

  it('can contain any user name, password and database, percent-encoded', () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' })
    fc.assert(
      fc.property(text, text, fc.nat(99_999), (username, password, db) => {
        const login = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`
        expect(parseQueueUrl(`redis://${login}@h:1/${db}`)).toEqual({
          kind: 'redis',
          hosts: [at('h', 1)],
          credentials: { username, password },
          tls: false,
          db,
        })
      }),
    )
  })

  it('of any text is parsed, or rejected with a message that does not repeat it', () => {
    const scheme = fc.constantFrom(
      'redis',
      'rediss',
      'redis+cluster',
      'redis+sentinel',
      'postgres',
      'http',
      'x',
    )
    const rest = fc.string({ unit: 'binary', maxLength: 40 })
    const url = fc.oneof(
      rest,
      fc.tuple(scheme, rest, rest).map(([s, a, b]) => `${s}://u:hush-hush${a}@${b}`),
    )
    fc.assert(
      fc.property(url, (text) => {
        const problem = queueUrlProblem(text)
        if (problem !== undefined) {
          expect(problem).not.toContain('hush-hush')
          return
        }
        const address = parseQueueUrl(text)
        if (address.kind === 'postgres') return
        for (const { host, port } of address.hosts) {
          expect(host).not.toBe('')
          expect(port).toBeGreaterThan(0)
          expect(port).toBeLessThan(65_536)
        }
      }),
      { numRuns: 10_000 },
    )
  })
})

function at(host: string, port: number) {
  return { host, port }
}
