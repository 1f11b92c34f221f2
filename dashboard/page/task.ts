import { html } from 'hono/html'
import { EMPTY, type Markup, postButton } from '../html.js'
import type { Task } from '../tasks.js'
import { agoInWords } from '../words.js'
import type { Overview } from './overview.js'

const TASK_NAMES = { backfill: 'Backfill', 'retry-failed': 'Retry of failed jobs' }
const TASK_SHOWN_MS = 10 * 60_000

/** The long task that runs, or ended a short while ago. */
export function taskRegion({ task, person, now }: Overview): Markup {
  if (task === undefined || isOver(task, now)) return html`<div id="task"></div>`
  return html`<section id="task" class="card task" aria-label="${TASK_NAMES[task.kind]}">
    <h2>${TASK_NAMES[task.kind]} <small>by ${task.by}, started ${agoInWords(task.startedAt, now)}</small></h2>
    ${task.ended === undefined ? progress(task, person.role === 'operator') : result(task.ended)}
  </section>`
}

function isOver({ ended }: Task, now: Date): boolean {
  return ended !== undefined && now.getTime() - ended.at.getTime() > TASK_SHOWN_MS
}

function progress({ done, total }: Task, mayStop: boolean): Markup {
  return html`<progress max="${Math.max(1, total)}" value="${done}" aria-label="Progress"></progress>
    <p class="row">${done.toLocaleString('en')} of ${total.toLocaleString('en')}
    ${mayStop ? postButton('/tasks/stop', 'Stop', {}, '') : EMPTY}</p>`
}

function result({ succeeded, result, notAudited }: NonNullable<Task['ended']>): Markup {
  return html`<p class="${succeeded ? 'good' : 'bad'}-text">${succeeded ? '✓' : '✕'} ${result}</p>
    ${notAudited === undefined ? EMPTY : html`<p class="bad-text">The result could not be written to the audit log: ${notAudited}.</p>`}`
}
