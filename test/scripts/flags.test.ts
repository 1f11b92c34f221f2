import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { integerFlag, timeFlag } from '../../scripts/flags.js'

describe('a flag that takes a time', () => {
  const parse = timeFlag('--since')

  it.each([
    ['2026-01-19', '2026-01-19T00:00:00.000Z'],
    ['2026-01-19T08:30', '2026-01-19T08:30:00.000Z'],
    ['2026-01-19T08:30Z', '2026-01-19T08:30:00.000Z'],
    ['2026-01-19T08:30:15.25+02:00', '2026-01-19T06:30:15.250Z'],
    ['2026-01-19T08:30:15-0800', '2026-01-19T16:30:15.000Z'],
  ])('takes %s for %s, in whatever zone the process runs', (text, time) => {
    expect(parse(text).toISOString()).toBe(time)
  })

  it.each([
    'yesterday',
    '',
    '2026-02-30',
    '2026-13-01',
    '2026-01-19T25:00Z',
    '19.01.2026',
    '1768780800000',
    '2026-01-19 08:30',
  ])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow(InvalidArgumentError)
  })
})

describe('a flag that takes a whole number', () => {
  const parse = integerFlag('--max-pending', 1)

  it('takes its least value and more', () => {
    expect([parse('1'), parse('50000')]).toEqual([1, 50_000])
  })

  it.each(['0', '-1', '1.5', '', ' ', 'many', 'Infinity', '9007199254740993'])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow('--max-pending takes a whole number of 1 or more.')
  })
})
