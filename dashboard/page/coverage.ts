import { html } from 'hono/html'
import { lastKnown } from '../fresh.js'
import { EMPTY, type Markup } from '../html.js'
import type { CoverageFacts } from '../state.js'
import { count } from '../words.js'
import type { Overview } from './overview.js'

const SIGN_IN_NAMES = {
  password: 'Signed up with a password',
  provider: 'Through Google or another provider',
}

export function coverageRegion({ state }: Overview): Markup {
  const coverage = lastKnown(state.coverage)
  const bySource = Object.entries(lastKnown(state.recent)?.bySource ?? {})
  return html`<section id="coverage" class="card">
    <h2>Coverage</h2>
    ${coverage === undefined ? html`<p class="quiet">Not counted yet.</p>` : coverageLists(coverage)}
    ${
      bySource.length === 0
        ? EMPTY
        : html`<h3>Where the last ${count(lastKnown(state.recent)?.jobs ?? 0, 'event')} came from</h3>
          <p>${bySource.map(([source, jobs]) => `${source} ${jobs.toLocaleString('en')}`).join(' · ')}</p>`
    }
  </section>`
}

function coverageLists({ users, byCourse, bySignIn, publishedCourses }: CoverageFacts): Markup {
  return html`
    <h3>By published course</h3>
    ${byCourse.length === 0 ? html`<p class="quiet">No course is published.</p>` : EMPTY}
    <ul class="bars">${byCourse.map((course) => bar(course.title, course.users, users))}</ul>
    ${publishedCourses > byCourse.length ? html`<p class="quiet">and ${publishedCourses - byCourse.length} more</p>` : EMPTY}
    ${bySignIn.length === 0 ? EMPTY : html`<h3>By how they sign in</h3>`}
    <ul class="bars">${bySignIn.map(({ signIn, withEnrollment, users: all }) => bar(SIGN_IN_NAMES[signIn], withEnrollment, all))}</ul>`
}

function bar(name: string, part: number, whole: number): Markup {
  const share = whole === 0 ? 0 : Math.floor((part / whole) * 1000) / 10
  return html`<li><span>${name}</span><span class="share">${part.toLocaleString('en')} of ${whole.toLocaleString('en')} · ${share} %</span>
    <meter min="0" max="${Math.max(1, whole)}" value="${part}" aria-label="${name}"></meter></li>`
}
