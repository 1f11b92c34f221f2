import { html } from 'hono/html'
import type { UserCoverage } from '../../db/coverage.js'
import type { Depth } from '../../queue/depth.js'
import type { Recent } from '../../queue/flow.js'
import { type Dated, dated } from '../dated.js'
import type { Markup } from '../html.js'
import { agoInWords, count, durationInWords, latencyInWords } from '../words.js'
import type { Overview } from './overview.js'

/** The figures that matter most. One that was not read is `?`; an old one says its age, and is grey. */
export function figuresRegion({ state, now }: Overview): Markup {
  const coverage = dated(state.coverage, now, state.changedAt)
  const depth = dated(state.depth, now)
  const recent = dated(state.recent, now)
  return html`<section id="figures" aria-label="Figures"><dl class="figures">
    ${figure('Enrolled', coverage, now, ({ coverage }) => `${coverage} %`, enrolled)}
    ${figure(
      'Not enrolled',
      coverage,
      now,
      ({ withoutEnrollment }) => number(withoutEnrollment),
      ({ users }) => `of ${count(users, 'user')}`,
    )}
    ${figure('In the queue', depth, now, ({ unfinished }) => number(unfinished), states)}
    ${figure(
      'Oldest waiting',
      depth,
      now,
      (value) => oldest(value, now),
      () => 'for a worker',
    )}
    ${figure('Event to enrollment', recent, now, median, slowest)}
    ${figure(
      'Workers',
      depth,
      now,
      ({ workers }) => number(workers),
      () => 'connected',
    )}
  </dl></section>`
}

/** A value that is no longer valid is unknown: what it was is a note. */
function figure<T>(
  name: string,
  read: Dated<T> | undefined,
  now: Date,
  valueIn: (value: T) => string,
  noteOn: (value: T) => string,
): Markup {
  if (read === undefined) return entry(name, '?', 'not read')
  const ago = agoInWords(read.readAt, now)
  if (!read.isValid) return entry(name, '?', `${valueIn(read.value)}, ${ago}`, 'old')
  const note = noteOn(read.value)
  return read.isOld
    ? entry(
        name,
        valueIn(read.value),
        [note, `counted ${ago}`].filter((part) => part !== '').join('; '),
        'old',
      )
    : entry(name, valueIn(read.value), note)
}

function entry(name: string, value: string, note: string, age = ''): Markup {
  return html`<div class="${age}"><dt>${name}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>`
}

function number(value: number): string {
  return value.toLocaleString('en')
}

function enrolled({ withEnrollment, users }: UserCoverage): string {
  return `${number(withEnrollment)} of ${count(users, 'user')}`
}

function oldest({ oldestWaitingAt }: Depth, now: Date): string {
  return oldestWaitingAt === undefined ? 'none' : durationInWords(now.getTime() - oldestWaitingAt.getTime())
}

function states({ waiting, prioritized, delayed, active }: Depth): string {
  return [
    [waiting, 'waiting'] as const,
    [prioritized, 'of a backlog'] as const,
    [delayed, 'retrying'] as const,
    [active, 'active'] as const,
  ]
    .filter(([jobs]) => jobs !== 0)
    .map(([jobs, state]) => `${number(jobs)} ${state}`)
    .join(', ')
}

function median({ live }: Recent): string {
  return live === undefined ? '–' : latencyInWords(live.p50Ms)
}

function slowest({ live }: Recent): string {
  return live === undefined
    ? 'no sign-up among the last jobs'
    : `median; 99 %: ${latencyInWords(live.p99Ms)}, of ${count(live.users, 'sign-up')}`
}
