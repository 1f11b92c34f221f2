import { html } from 'hono/html'
import { type AuditEntry, outcomeInWords } from '../../db/audit.js'
import { dated } from '../dated.js'
import { EMPTY, type Markup, moment } from '../html.js'
import { agoInWords } from '../words.js'
import type { Overview } from './overview.js'

/** What operators did lately. */
export function auditRegion({ state, now, notAudited }: Overview): Markup {
  const read = dated(state.audit, now)
  return html`<section id="audit" class="card ${read?.isOld ? 'old' : ''}">
    <h2>What operators did${read?.isOld ? html`<small>read ${agoInWords(read.readAt, now)}</small>` : EMPTY}</h2>
    ${notAudited.map(notRecorded)}
    ${read === undefined ? notRead(state.audit) : log(read.value)}
  </section>`
}

function notRecorded({ at, event, reason }: Overview['notAudited'][number]): Markup {
  return html`<p class="bad-text">Not in the audit log: ${event.who}, ${event.action} ${event.target ?? ''}, ended ${moment(at)} UTC (${reason}).</p>`
}

function notRead(reading: Overview['state']['audit']): Markup {
  return reading.status === 'failed'
    ? html`<p class="bad-text">Could not be read: ${reading.reason}</p>`
    : html`<p class="quiet">Not read yet.</p>`
}

function log({ exists, entries }: { exists: boolean; entries: readonly AuditEntry[] }): Markup {
  if (!exists)
    return html`<p class="bad-text">The audit log is missing or out of date, so nothing is recorded: <code>npm run migrate</code> creates it.</p>`
  if (entries.length === 0) return html`<p class="quiet">Nothing yet.</p>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="What operators did"><table>
    <thead><tr><th scope="col">When (UTC)</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Result</th></tr></thead>
    <tbody>${entries.map(row)}</tbody></table></div>`
}

const PLACES = { page: 'on the page', jobs: 'on the jobs page', command: 'by a command' }

function row(entry: AuditEntry): Markup {
  const { at, who, through, action, target, succeeded, isCutOff } = entry
  return html`<tr><td>${moment(at)}</td><td>${who}<small>${PLACES[through]}</small></td>
    <td>${action}${target === undefined ? EMPTY : html`<small>${target}</small>`}</td>
    <td class="${succeeded === false || isCutOff ? 'bad-text' : ''}">${outcomeInWords(entry)}</td></tr>`
}
