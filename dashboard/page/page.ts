import { html } from 'hono/html'
import type { Markup } from '../html.js'
import { layout } from '../layout.js'
import { actionsRegion } from './actions.js'
import { auditRegion } from './audit.js'
import { coverageRegion } from './coverage.js'
import { failuresRegion } from './failures.js'
import { figuresRegion } from './figures.js'
import type { Overview } from './overview.js'
import { plots } from './plots.js'
import { taskRegion } from './task.js'
import { verdictRegion } from './verdict.js'

/** The page at `/`: whether everyone is enrolled, first. */
export function overviewPage(overview: Overview): Markup {
  const parts = regions(overview)
  return layout(
    { title: overview.verdict.headline, person: overview.person, tone: overview.verdict.tone, live: true },
    html`
      ${parts.verdict}
      <p id="announcer" class="visually-hidden" role="status"></p>
      ${parts.task}
      ${parts.figures}
      <div class="columns">${parts.coverage}${parts.actions}</div>
      ${plots()}
      ${parts.failures}
      ${parts.audit}`,
  )
}

export type RegionName = 'verdict' | 'task' | 'figures' | 'coverage' | 'actions' | 'failures' | 'audit'

/** The parts of the page that change by themselves; each is an element whose id is its name. */
export function regions(overview: Overview): Record<RegionName, Markup> {
  return {
    verdict: verdictRegion(overview),
    task: taskRegion(overview),
    figures: figuresRegion(overview),
    coverage: coverageRegion(overview),
    actions: actionsRegion(overview),
    failures: failuresRegion(overview),
    audit: auditRegion(overview),
  }
}
