import { describe, expect, it } from 'vitest'
import type { Reading } from '../../dashboard/fresh.js'
import { plotsOf } from '../../dashboard/plots.js'
import type { Samples } from '../../dashboard/samples.js'
import type { MinuteCounts } from '../../queue/flow.js'

const NOW = new Date('2026-03-01T12:00:30.000Z')
const MINUTES = 14 * 24 * 60
const NO_SAMPLES: Samples = {
  at: [],
  waiting: [],
  retrying: [],
  active: [],
  oldestWaitingSeconds: [],
  p50Seconds: [],
  p99Seconds: [],
}

/** One job finished in each minute, and none failed. */
function readAgo(minutes: number) {
  const value: MinuteCounts = { completed: new Array(MINUTES).fill(1), failed: new Array(MINUTES).fill(0) }
  return { value, readAt: new Date(NOW.getTime() - minutes * 60_000) }
}

function plotsWith(reading: Reading<MinuteCounts>) {
  return plotsOf(reading, NO_SAMPLES, NOW)
}

describe('the plots', () => {
  it('show gaps and not zeros where nothing was ever read', () => {
    const unread: Reading<MinuteCounts>[] = [
      { status: 'pending' },
      { status: 'failed', reason: 'away', readAt: NOW },
    ]
    for (const reading of unread) {
      const { hour, weeks } = plotsWith(reading)
      for (const [times, ...series] of [hour, weeks]) {
        for (const values of series) expect(values).toEqual(new Array(times?.length).fill(null))
      }
    }
  })

  it('show a zero where it was read', () => {
    const { hour } = plotsWith({ status: 'known', ...readAgo(0) })
    expect(hour[1]).toEqual(new Array(60).fill(1))
    expect(hour[2]).toEqual(new Array(60).fill(0))
  })

  it('leave out the minutes since the last reading, and the hours that these are a part of', () => {
    const { hour, weeks } = plotsWith({ status: 'failed', reason: 'away', readAt: NOW, last: readAgo(7) })
    expect(hour[1]).toEqual([...new Array(53).fill(1), ...new Array(7).fill(null)])
    expect(weeks[1]?.slice(-2)).toEqual([60, null])
    expect(weeks[1]).toHaveLength(14 * 24)
    expect(plotsWith({ status: 'known', ...readAgo(61) }).hour[1]).toEqual(new Array(60).fill(null))
  })
})
