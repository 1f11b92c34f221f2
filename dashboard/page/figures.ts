import { html } from 'hono/html'
import { lastKnown } from '../fresh.js'
import type { Markup } from '../html.js'
import type { State } from '../state.js'
import { agoInWords, count, durationInWords, latencyInWords } from '../words.js'
import type { Overview } from './overview.js'

export function figuresRegion({ state, now }: Overview): Markup {
  const depth = lastKnown(state.depth)
  const coverage = lastKnown(state.coverage)
  const recent = lastKnown(state.recent)
  const oldest = depth?.oldestWaitingAt
  const number = (value: number | undefined) => value?.toLocaleString('en') ?? '–'
  return html`<section id="figures" aria-label="Figures"><dl class="figures">
    ${figure('Enrolled', coverage === undefined ? '–' : `${coverage.coverage} %`, coverage === undefined ? '' : `${number(coverage.withEnrollment)} of ${count(coverage.users, 'user')}`)}
    ${figure('Not enrolled', number(coverage?.withoutEnrollment), coverage === undefined ? '' : counted(state, now))}
    ${figure('In the queue', number(depth?.unfinished), depth === undefined ? '' : states(depth))}
    ${figure('Oldest waiting', oldest === undefined ? (depth === undefined ? '–' : 'none') : durationInWords(now.getTime() - oldest.getTime()), 'for a worker')}
    ${figure('Event to enrollment', recent?.live === undefined ? '–' : latencyInWords(recent.live.p50Ms), recent?.live === undefined ? 'no sign-up among the last jobs' : `median; 99 %: ${latencyInWords(recent.live.p99Ms)}, of ${count(recent.live.users, 'sign-up')}`)}
    ${figure('Workers', number(depth?.workers), 'connected')}
  </dl></section>`
}

function figure(name: string, value: string, note: string): Markup {
  return html`<div><dt>${name}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>`
}

function counted(state: State, now: Date): string {
  if (state.coverage.status === 'failed') {
    const { last } = state.coverage
    return last === undefined
      ? 'not counted'
      : `counted ${agoInWords(last.readAt, now)}; the database does not answer`
  }
  if (state.coverage.status === 'pending') return ''
  const ageMs = now.getTime() - state.coverage.readAt.getTime()
  return ageMs < 5000 ? 'counted just now' : `counted ${durationInWords(ageMs)} ago`
}

function states({
  waiting,
  prioritized,
  delayed,
  active,
}: {
  waiting: number
  prioritized: number
  delayed: number
  active: number
}): string {
  return [
    [waiting, 'waiting'],
    [prioritized, 'of a backlog'],
    [delayed, 'retrying'],
    [active, 'active'],
  ]
    .filter(([number]) => number !== 0)
    .map(([number, state]) => `${number?.toLocaleString('en')} ${state}`)
    .join(', ')
}
