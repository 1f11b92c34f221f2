import { html } from 'hono/html'
import { lastKnown } from '../fresh.js'
import { EMPTY, linkButton, type Markup } from '../html.js'
import { count } from '../words.js'
import type { Overview } from './overview.js'

export function actionsRegion({ state, person, task }: Overview): Markup {
  const depth = lastKnown(state.depth)
  if (person.role !== 'operator') {
    return html`<section id="actions" class="card"><h2>Actions</h2><p class="quiet">You are a viewer. An operator may pause, resume, backfill, retry and enroll.</p></section>`
  }
  const busy = task !== undefined && task.ended === undefined
  return html`<section id="actions" class="card">
    <h2>Actions</h2>
    <ul class="actions">
      <li>${busy ? html`<span class="button" aria-disabled="true">Backfill</span>` : linkButton('/backfill', 'Backfill')}<span>Queue everyone who has no enrollment. Shows who, first.</span></li>
      <li>${depth?.paused === true ? linkButton('/resume', 'Resume', 'primary') : linkButton('/pause', 'Pause')}<span>${
        depth?.paused === true
          ? 'Let the workers consume again.'
          : 'Stop consuming everywhere. Sign-ups go on and collect.'
      }</span></li>
      ${
        depth !== undefined && depth.failed > 0
          ? html`<li>${busy ? html`<span class="button" aria-disabled="true">Retry failed</span>` : linkButton('/retry', 'Retry failed')}<span>Put all ${count(depth.failed, 'failed job')} back.</span></li>`
          : EMPTY
      }
    </ul>
    <p class="quiet">To enroll one user now, look the user up.</p>
  </section>`
}
