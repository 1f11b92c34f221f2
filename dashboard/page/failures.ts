import { html } from 'hono/html'
import { type Cause, causeInWords } from '../../queue/causes.js'
import { countedAgo, dated } from '../dated.js'
import type { FailureFacts, FailureGroup } from '../failures.js'
import { EMPTY, type Markup, moment } from '../html.js'
import { count } from '../words.js'
import type { Overview } from './overview.js'

const CAUSES_SHOWN = 20

/** Jobs that failed for good, by cause. */
export function failuresRegion({ state, person, now }: Overview): Markup {
  const read = dated(state.failures, now)
  return html`<section id="failures" class="card ${read?.isOld ? 'old' : ''}">
    <h2>Failures by cause${read === undefined ? EMPTY : html`<small>${countedAgo(read, now)}</small>`}</h2>
    ${read === undefined ? notRead(state.failures) : causes(read.value, person.role === 'operator')}
  </section>`
}

function notRead(reading: Overview['state']['failures']): Markup {
  return reading.status === 'failed'
    ? html`<p class="bad-text">Could not be read: ${reading.reason}</p>`
    : html`<p class="quiet">Not read yet.</p>`
}

function causes(facts: FailureFacts, mayRetry: boolean): Markup {
  if (facts.groups.length === 0) return html`<p class="quiet">No job has failed for good.</p>`
  const more = facts.groups.length - CAUSES_SHOWN
  return html`<p>${count(facts.jobs.length, 'failed job')} of ${count(facts.users, 'user')}. ${whoIsLeft(facts)}</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Failures by cause"><table>
      <thead><tr><th scope="col">Cause</th><th scope="col" class="right">Jobs</th><th scope="col" class="right">Users</th><th scope="col">First seen (UTC)</th><th scope="col">Last seen (UTC)</th><th scope="col">Example</th><th scope="col"><span class="visually-hidden">Retry</span></th></tr></thead>
      <tbody>${facts.groups.slice(0, CAUSES_SHOWN).map((group) => row(group, mayRetry))}</tbody></table></div>
    ${more > 0 ? html`<p class="quiet">and ${count(more, 'more cause')}; npm run retry-failed lists all.</p>` : EMPTY}`
}

function whoIsLeft({ without }: FailureFacts): Markup {
  if (without === undefined) return html`Whether they are enrolled by now is not known.`
  return without.size === 0
    ? html`<span class="good-text">All of them are enrolled by now, or deleted.</span>`
    : html`<span class="bad-text">${count(without.size, 'user')} of them still without an enrollment.</span>`
}

function row(
  { cause, jobs, users, firstSeen, lastSeen, exampleJobId }: FailureGroup,
  mayRetry: boolean,
): Markup {
  return html`<tr>
    <th scope="row">${causeInWords(cause)}${causeNote(cause)}</th>
    <td class="right">${jobs.toLocaleString('en')}</td><td class="right">${users.toLocaleString('en')}</td><td>${moment(firstSeen)}</td><td>${moment(lastSeen)}</td>
    <td><a href="/jobs/${encodeURIComponent(exampleJobId)}">job <span class="visually-hidden">${exampleJobId}</span></a></td>
    <td>${mayRetry ? html`<a class="button small" href="/retry?cause=${cause.id}">Retry these</a>` : EMPTY}</td>
  </tr>`
}

/** The code and the message, unless the words already say the same. */
function causeNote(cause: Cause): Markup {
  const message = causeInWords(cause) === cause.message ? '' : cause.message
  if (cause.code === undefined && message === '') return EMPTY
  return html`<small>${cause.code === undefined ? EMPTY : html`<code>${cause.code}</code> `}${message}</small>`
}
