import { InvalidArgumentError } from 'commander'
import { z } from 'zod'

/** Parses a whole number of at least `min`. */
export function integerFlag(name: string, min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`${name} takes a whole number of ${min} or more.`)
    }
    return value
  }
}

const ISO_8601 = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(?<offset>Z|[+-]\d{2}:?\d{2})?)?$/

/** Parses an ISO 8601 date, or date and time; without an offset it is UTC, as in the database. */
export function timeFlag(name: string): (text: string) => Date {
  return (text) => {
    const match = ISO_8601.exec(text)
    const isLocal = text.includes('T') && match?.groups?.offset === undefined
    const time = new Date(isLocal ? `${text}Z` : text)
    // JavaScript reads the 30th of February as the 2nd of March.
    if (!z.iso.date().safeParse(match?.[1]).success || Number.isNaN(time.getTime())) {
      throw new InvalidArgumentError(
        `${name} takes an ISO 8601 time such as 2026-01-19 or 2026-01-19T08:30:00Z (UTC unless it has an offset).`,
      )
    }
    return time
  }
}
