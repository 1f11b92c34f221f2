import { html } from 'hono/html'
import { type Cause, causeInWords } from '../../queue/causes.js'
import { lastKnown } from '../fresh.js'
import { EMPTY, type Markup, moment } from '../html.js'
import { count } from '../words.js'
import type { Overview } from './overview.js'

export function failuresRegion({ state, person }: Overview): Markup {
  const failures = lastKnown(state.failures)
  const rows = (failures?.groups ?? []).slice(0, 20)
  const more = (failures?.groups.length ?? 0) - rows.length
  return html`<section id="failures" class="card">
    <h2>Failures by cause</h2>
    ${
      rows.length === 0
        ? html`<p class="quiet">${failures === undefined ? 'Not read yet.' : 'No job has failed for good.'}</p>`
        : html`${
            failures?.usersWithout === undefined
              ? EMPTY
              : html`<p class="${failures.usersWithout > 0 ? 'bad' : 'good'}-text">${
                  failures.usersWithout > 0
                    ? `${count(failures.usersWithout, 'user')} of these jobs still without an enrollment.`
                    : 'Every user of these jobs is enrolled by now, or gone.'
                }</p>`
          }
        <div class="scroll" tabindex="0" role="region" aria-label="Failures by cause"><table>
          <thead><tr><th scope="col">Cause</th><th scope="col" class="right">Jobs</th><th scope="col">First seen (UTC)</th><th scope="col">Last seen (UTC)</th><th scope="col">Example</th><th scope="col"><span class="visually-hidden">Retry</span></th></tr></thead>
          <tbody>${rows.map(
            ({ cause, jobs, firstSeen, lastSeen, exampleJobId }) => html`<tr>
              <th scope="row">${causeInWords(cause)}${causeNote(cause)}</th>
              <td class="right">${jobs.toLocaleString('en')}</td><td>${moment(firstSeen)}</td><td>${moment(lastSeen)}</td>
              <td><a href="/jobs/${encodeURIComponent(exampleJobId)}">job <span class="visually-hidden">${exampleJobId}</span></a></td>
              <td>${person.role === 'operator' ? html`<a class="button small" href="/retry?cause=${cause.id}">Retry these</a>` : EMPTY}</td>
            </tr>`,
          )}</tbody></table></div>
          ${more > 0 ? html`<p class="quiet">and ${count(more, 'more cause')}; npm run retry-failed lists all.</p>` : EMPTY}`
    }
  </section>`
}

/** The code and the message, as far as the words do not tell them. */
function causeNote(cause: Cause): Markup {
  const message = causeInWords(cause) === cause.message ? '' : cause.message
  if (cause.code === undefined && message === '') return EMPTY
  return html`<small>${cause.code === undefined ? EMPTY : html`<code>${cause.code}</code> `}${message}</small>`
}
