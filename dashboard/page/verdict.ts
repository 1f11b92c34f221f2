import { html } from 'hono/html'
import { EMPTY, linkButton, type Markup } from '../html.js'
import type { ActionName, Finding } from '../verdict/finding.js'
import type { Overview } from './overview.js'

const MARKS = { good: '✓', busy: '…', warning: '!', bad: '✕', neutral: '·' }

/** What to know first, and below it what is wrong as well. */
export function verdictRegion({ verdict, person }: Overview): Markup {
  const mayAct = person.role === 'operator'
  return html`<section id="verdict" class="verdict ${verdict.tone}" data-symptom="${verdict.symptom}" data-tone="${verdict.tone}" aria-label="Verdict">
    <span class="mark" aria-hidden="true">${MARKS[verdict.tone]}</span>
    <div>
      <h1>${verdict.headline}</h1>
      ${verdict.details.map((detail) => html`<p>${detail}</p>`)}
      ${nextSteps(verdict, mayAct, 'primary')}
      ${verdict.also.length === 0 ? EMPTY : html`<ul class="also">${verdict.also.map((finding) => alsoItem(finding, mayAct))}</ul>`}
    </div>
  </section>`
}

function alsoItem(finding: Finding, mayAct: boolean): Markup {
  return html`<li class="${finding.tone}" data-symptom="${finding.symptom}"><p><b>Also:</b> ${finding.headline}</p>
    ${finding.details.map((detail) => html`<p class="quiet">${detail}</p>`)}
    ${nextSteps(finding, mayAct, '')}</li>`
}

function nextSteps({ actions, symptom }: Finding, mayAct: boolean, kind: string): Markup {
  const shown = actions.filter((action) => mayAct || action === 'failures')
  return html`<p class="row">${shown.map((action, index) => button(action, index === 0 ? kind : ''))}
    <a class="runbook" href="/runbook#${symptom}">What this means and what to do</a></p>`
}

function button(action: ActionName, kind: string): Markup {
  switch (action) {
    case 'resume':
      return linkButton('/resume', 'Resume', kind)
    case 'remove-limits':
      return linkButton('/limits', 'Remove the limit', kind)
    case 'backfill':
      return linkButton('/backfill', 'Backfill', kind)
    case 'failures':
      return linkButton('#failures', 'See the failures', kind)
  }
}
