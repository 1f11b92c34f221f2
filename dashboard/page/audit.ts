import { html } from 'hono/html'
import { lastKnown } from '../fresh.js'
import { EMPTY, type Markup, moment } from '../html.js'
import type { Overview } from './overview.js'

export function auditRegion({ state }: Overview): Markup {
  const audit = lastKnown(state.audit)
  return html`<section id="audit" class="card">
    <h2>What operators did</h2>
    ${audit?.exists === false ? html`<p class="bad-text">The audit log does not exist, so nothing is written down: <code>npm run migrate</code> makes it.</p>` : EMPTY}
    ${audit?.exists === true && audit.entries.length === 0 ? html`<p class="quiet">Nothing yet.</p>` : EMPTY}
    ${
      audit === undefined || audit.entries.length === 0
        ? EMPTY
        : html`<div class="scroll" tabindex="0" role="region" aria-label="What operators did"><table>
          <thead><tr><th scope="col">When (UTC)</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Result</th></tr></thead>
          <tbody>${audit.entries.map(
            (
              entry,
            ) => html`<tr><td>${moment(entry.at)}</td><td>${entry.who}<small>${entry.through === 'command' ? 'by a command' : `on the ${entry.through === 'jobs' ? 'jobs page' : 'page'}`}</small></td>
              <td>${entry.action}${entry.target === undefined ? EMPTY : html`<small>${entry.target}</small>`}</td>
              <td class="${entry.succeeded === false ? 'bad-text' : ''}">${entry.result ?? 'under way, or cut off'}</td></tr>`,
          )}</tbody></table></div>`
    }
  </section>`
}
