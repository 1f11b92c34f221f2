import { html } from 'hono/html'
import type { Depth } from '../../queue/depth.js'
import { dated } from '../dated.js'
import type { FailureFacts } from '../failures.js'
import { EMPTY, linkButton, type Markup } from '../html.js'
import { isPaused, limitInWords } from '../next-try.js'
import { count } from '../words.js'
import type { Overview } from './overview.js'

/** What an operator can do. */
export function actionsRegion({ state, person, task, now }: Overview): Markup {
  if (person.role !== 'operator') {
    return html`<section id="actions" class="card"><h2>Actions</h2><p class="quiet">You are a viewer. An operator may pause, resume, backfill, retry and enroll.</p></section>`
  }
  const depth = dated(state.depth, now)
  const known = depth?.isValid ? depth.value : undefined
  const isBusy = task !== undefined && task.ended === undefined
  return html`<section id="actions" class="card">
    <h2>Actions</h2>
    <ul class="actions">
      <li>${unless(isBusy, '/backfill', 'Backfill')}<span>Queue everyone who has no enrollment. Shows who, first.</span></li>
      ${pauseAction(known)}
      ${limitAction(known)}
      ${retryAction(known, dated(state.failures, now)?.value, isBusy)}
    </ul>
    <p class="quiet">To enroll one user now, look the user up.</p>
  </section>`
}

function pauseAction(depth: Depth | undefined): Markup {
  const pause = html`<li>${linkButton('/pause', 'Pause')}<span>Stop consuming everywhere. Sign-ups continue and their events collect.</span></li>`
  const resume = html`<li>${linkButton('/resume', 'Resume')}<span>Let the workers consume again.</span></li>`
  if (depth === undefined) return html`${pause}${resume}`
  if (depth.limits.paused === 0) return pause
  return isPaused(depth.limits) ? resume : html`${resume}${pause}`
}

function limitAction(depth: Depth | undefined): Markup {
  const limit = depth && limitInWords(depth.limits)
  if (limit === undefined) return EMPTY
  return html`<li>${linkButton('/limits', 'Remove the limit')}<span>At present ${limit}.</span></li>`
}

function retryAction(depth: Depth | undefined, failures: FailureFacts | undefined, isBusy: boolean): Markup {
  if (depth === undefined || depth.failed === 0) return EMPTY
  const of = failures?.jobs.length === depth.failed ? ` of ${count(failures.users, 'user')}` : ''
  return html`<li>${unless(isBusy, '/retry', 'Retry failed')}<span>Put ${depth.failed === 1 ? 'the' : 'all'} ${count(depth.failed, 'failed job')}${of} back.</span></li>`
}

/** One long task runs at a time. */
function unless(isBusy: boolean, href: string, label: string): Markup {
  return isBusy ? html`<span class="button" aria-disabled="true">${label}</span>` : linkButton(href, label)
}
