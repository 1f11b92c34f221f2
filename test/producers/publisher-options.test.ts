import { describe, expect, it } from 'vitest'
import { createPublisher, type PublisherOptions } from '../../producers/publisher.js'

function problemsOf(options: unknown): string {
  try {
    createPublisher(options as PublisherOptions)
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return (error as TypeError).message
  }
  throw new Error('the options were accepted')
}

describe('the options of createPublisher', () => {
  it('are rejected at creation, with all wrong ones named at once', () => {
    const message = problemsOf({ queueUrl: 'http://x', timeoutMs: 1.5, prefix: 'a b', enabled: 'yes' })
    for (const name of ['queueUrl', 'timeoutMs', 'prefix', 'enabled']) expect(message).toContain(`${name}: `)
  })

  it('are rejected when there are none', () => {
    expect(problemsOf(undefined)).toContain('createPublisher: ')
    expect(problemsOf({})).toContain('queueUrl: expected the URL of the queue')
    expect(problemsOf({ queueUrl: undefined })).toContain('queueUrl')
  })

  it.each([
    'redis://:s3cret@h1,h2',
    'http://user:s3cret@host',
    'redis+sentinel://user:s3cret@host',
    'redis://user:s3cret@host/database',
    'redis://%zz:s3cret@host',
    'postgres://user:s3cret@[host/x',
    's3cret',
  ])('never repeat a secret: %s', (queueUrl) => {
    expect(problemsOf({ queueUrl, timeoutMs: 0 })).not.toContain('s3cret')
  })

  it('require a prefix in braces on a cluster', () => {
    expect(problemsOf({ queueUrl: 'redis+cluster://h1,h2', prefix: 'plain' })).toContain('prefix: ')
  })
})

describe('an invalid event', () => {
  const publisher = createPublisher({ queueUrl: 'redis://127.0.0.1:1' })

  it.each([
    ['an empty id', { userId: '', source: 'admin' }, 'userId'],
    ['256 characters', { userId: 'x'.repeat(256), source: 'admin' }, 'userId'],
    ['a number for an id', { userId: 42, source: 'admin' }, 'userId'],
    ['a NUL, which Postgres cannot store', { userId: 'a\0b', source: 'admin' }, 'userId'],
    ['half a surrogate pair', { userId: 'a\ud800', source: 'admin' }, 'userId'],
    ['an unknown source', { userId: 'ada', source: 'elsewhere' }, 'source'],
    ['no source', { userId: 'ada' }, 'source'],
    ['nothing', undefined, 'userId'],
  ])('is rejected with the reason, and nothing is connected: %s', async (_, event, field) => {
    const result = await publisher.publish(event as never)
    expect(result).toEqual({ status: 'rejected', reason: expect.stringContaining(`${field}: `) })
  })

  it('is rejected even if reading it throws', async () => {
    const hostile = {
      source: 'admin' as const,
      get userId(): string {
        throw new Error('no')
      },
    }
    expect(await publisher.publish(hostile)).toMatchObject({ status: 'rejected' })
  })
})
