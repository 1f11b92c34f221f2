import { html } from 'hono/html'
import { linkButton, type Markup } from '../html.js'
import type { Overview } from './overview.js'

const MARKS = { good: '✓', busy: '…', warning: '!', bad: '✕', neutral: '·' }

export function verdictRegion({ verdict, person }: Overview): Markup {
  const buttons = {
    resume: linkButton('/resume', 'Resume', 'primary'),
    pause: linkButton('/pause', 'Pause'),
    backfill: linkButton('/backfill', 'Backfill', 'primary'),
    failures: html`<a class="button" href="#failures">See the failures</a>`,
  }
  const mayAct = (action: keyof typeof buttons) => action === 'failures' || person.role === 'operator'
  return html`<section id="verdict" class="verdict ${verdict.tone}" data-symptom="${verdict.symptom}" data-tone="${verdict.tone}" aria-label="Verdict">
    <span class="mark" aria-hidden="true">${MARKS[verdict.tone]}</span>
    <div>
      <h1>${verdict.headline}</h1>
      ${verdict.details.map((detail) => html`<p>${detail}</p>`)}
      <p class="row">
        ${verdict.actions.filter(mayAct).map((action) => buttons[action])}
        <a class="runbook" href="/runbook#${verdict.symptom}">What this means and what to do</a>
      </p>
    </div>
  </section>`
}
