import { InvalidArgumentError } from 'commander'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { integerFlag, timeFlag } from '../../scripts/flags.js'

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.double().map(String),
  fc.integer().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.stringMatching(/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/),
)

it('a number is a whole number that is large enough, or named as wrong', () => {
  fc.assert(
    fc.property(text, fc.nat(), (given, min) => {
      const value = answer(() => integerFlag('--max-pending', min)(given))
      if (value !== undefined) expect(Number.isSafeInteger(value) && value >= min).toBe(true)
      else expect(/^\d{1,15}$/.test(given) && Number(given) >= min).toBe(false)
    }),
    { numRuns: 10_000 },
  )
})

it('a time is a moment, in UTC unless it has an offset, or named as wrong', () => {
  fc.assert(
    fc.property(text, (given) => {
      const time = answer(() => timeFlag('--since')(given))
      if (time !== undefined) expect(Number.isNaN(time.getTime())).toBe(false)
      if (time !== undefined && given.endsWith('Z')) expect(time).toEqual(new Date(given))
    }),
    { numRuns: 10_000 },
  )
})

/** `undefined` when it is refused as a wrong argument; anything else thrown is a defect. */
function answer<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidArgumentError)
    return undefined
  }
}
