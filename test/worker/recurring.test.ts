import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { rememberQueued } from '../../worker/recurring.js'

const INTERVAL_MS = 60_000

describe('users who come back round after round', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  /** The rounds, counted from 0, in which a user is queued who never gets an enrollment. */
  function roundsQueued(rounds: number): number[] {
    const recurring = rememberQueued(INTERVAL_MS)
    const queued: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const due = recurring.due(['poison'])
      recurring.queued(due)
      recurring.sweepEnded()
      if (due.length > 0) queued.push(round)
      vi.advanceTimersByTime(INTERVAL_MS)
    }
    return queued
  }

  it('are queued again at once, and then ever more rarely, at least once an hour', () => {
    expect(roundsQueued(200)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183])
  })

  it('are counted once they were queued three times, until they are enrolled', () => {
    const recurring = rememberQueued(INTERVAL_MS)
    for (let time = 0; time < 3; time += 1) {
      expect(recurring.count()).toBe(0)
      recurring.due(['poison'])
      recurring.queued(['poison'])
    }
    expect(recurring.count()).toBe(1)
    recurring.sweepEnded()
    recurring.sweepEnded()
    expect(recurring.count()).toBe(0)
  })

  it('are not held back because an earlier event of theirs is unfinished', () => {
    const recurring = rememberQueued(INTERVAL_MS)
    recurring.due(['waiting'])
    recurring.queued([])
    expect(recurring.due(['waiting'])).toEqual(['waiting'])
  })
})
