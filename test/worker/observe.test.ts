import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createObserver } from '../../worker/observe.js'
import { linesTo } from '../support/log-lines.js'
import { runbookChapters } from '../support/readme.js'

describe('an outage of the queue', () => {
  it('is logged once, with its first error, and once more when it is over', async () => {
    const lines: Record<string, unknown>[] = []
    const observer = createObserver(pino(linesTo(lines)))
    const logged = () => lines.map(({ level, msg }) => [level, msg])
    const trouble = [40, 'the queue is in trouble; the next line says when it works again']

    observer.reconciled({ status: 'no-published-courses' })
    for (let n = 0; n < 100; n += 1) observer.queueError(new Error(`away ${n}`))
    observer.reconciled({ status: 'locked' })
    expect(logged()).toEqual([trouble])
    expect(lines[0]).toMatchObject({ err: { message: 'away 0' } })

    observer.reconciled({ status: 'paused' })
    observer.reconciled({ status: 'paused' })
    observer.queueError(new Error('away again'))
    expect(logged()).toEqual([trouble, [30, 'the queue works again'], trouble])

    const figures = await observer.registry.metrics()
    expect(figures).toContain('auto_enroll_connection_errors_total{component="queue"} 101')
  })
})

it('leads from what goes wrong to a chapter of the runbook', () => {
  const lines: Record<string, unknown>[] = []
  const observer = createObserver(pino(linesTo(lines)))
  const error = new Error('away')
  observer.queueError(error)
  observer.databaseAway(error)
  observer.reconcileFailed(error)
  observer.reconciled({ status: 'done', users: 3, queued: 0, recurring: 3 })
  observer.workerStalled('nothing finishes')
  observer.failed(undefined, error)
  observer.clockCompared({ aheadMs: 3_600_000, isWrong: true })
  observer.putOffCorrected(3)
  const chapters = runbookChapters().map((chapter) => `docs/runbook.md#${chapter}`)
  for (const { level, msg, runbook } of lines) {
    if (Number(level) >= 40) expect(chapters, String(msg)).toContain(runbook)
  }
  expect(lines.length).toBeGreaterThan(5)
})
