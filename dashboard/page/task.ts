import { html } from 'hono/html'
import { EMPTY, type Markup, postButton } from '../html.js'
import { agoInWords } from '../words.js'
import type { Overview } from './overview.js'

const TASK_NAMES = { backfill: 'Backfill', 'retry-failed': 'Retry of failed jobs' }

const TASK_SHOWN_MS = 10 * 60_000

export function taskRegion({ task, person, now }: Overview): Markup {
  if (
    task === undefined ||
    (task.ended !== undefined && now.getTime() - task.ended.at.getTime() > TASK_SHOWN_MS)
  ) {
    return html`<div id="task"></div>`
  }
  const { ended } = task
  return html`<section id="task" class="card task" aria-label="${TASK_NAMES[task.kind]}">
    <h2>${TASK_NAMES[task.kind]} <small>by ${task.by}, started ${agoInWords(task.startedAt, now)}</small></h2>
    ${
      ended === undefined
        ? html`<progress max="${Math.max(1, task.total)}" value="${task.done}" aria-label="Progress"></progress>
          <p class="row">${task.done.toLocaleString('en')} of ${task.total.toLocaleString('en')}
          ${person.role === 'operator' ? postButton('/tasks/stop', 'Stop', {}, '') : EMPTY}</p>`
        : html`<p class="${ended.succeeded ? 'good' : 'bad'}-text">${ended.succeeded ? '✓' : '✕'} ${ended.result}</p>`
    }
  </section>`
}
