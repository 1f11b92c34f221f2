import { describe, expect, it } from 'vitest'
import { causeInWords, causeOf } from '../../queue/causes.js'

describe('the cause of a failure', () => {
  it.each([
    ['Postgres refused with SQLSTATE 23514 (table Enrollment, constraint closed)', '23514'],
    ['connect ECONNREFUSED 127.0.0.1:5432', 'ECONNREFUSED'],
    ['connect ETIMEDOUT 10.0.0.1:5432', 'ETIMEDOUT'],
    ['no reason at all', undefined],
  ])('has the code in %j', (message, code) => {
    expect(causeOf(message).code).toBe(code)
  })

  it.each([
    ['duplicate key anna@example.com', 'duplicate key <email>'],
    ['user 6f1c2d3e-0000-4000-8000-123456789abc is gone', 'user <id> is gone'],
    [
      'user cm5abc0123456789abcdef01 is gone',
      'user cm5abc0123456789abcdef01 is gone'.replace(/c[\w]+01/, '<id>'),
    ],
    ['Key (email)=(anna) exists', 'Key (email)=(…) exists'],
    ['row 123456789 is wrong', 'row <number> is wrong'],
    ['first line\nsecond line', 'first line'],
    ['', 'no reason was given'],
  ])('leaves what is personal out of %j', (message, kept) => {
    expect(causeOf(message).message).toBe(kept)
  })

  it('is the same for jobs that differ only in ids', () => {
    expect(causeOf('user 11111111-0000-4000-8000-123456789abc is gone').id).toBe(
      causeOf('user 22222222-0000-4000-8000-123456789abc is gone').id,
    )
    expect(causeOf('a').id).not.toBe(causeOf('b').id)
  })

  it.each([
    ['connect ECONNREFUSED 127.0.0.1:5432', 'Postgres refuses connections'],
    ['Postgres refused with SQLSTATE 57P03', 'Postgres is starting or shutting down'],
    ['Postgres refused with SQLSTATE 42703 (column status)', 'a column is missing (column status)'],
    ['something else', 'something else'],
  ])('says of %j: %s', (message, words) => {
    expect(causeInWords(causeOf(message))).toBe(words)
  })
})
