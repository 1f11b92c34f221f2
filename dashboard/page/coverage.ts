import { html } from 'hono/html'
import type { Recent } from '../../queue/flow.js'
import { countedAgo, dated } from '../dated.js'
import { EMPTY, type Markup } from '../html.js'
import type { CoverageDetails } from '../state.js'
import { count } from '../words.js'
import type { Overview } from './overview.js'

const SIGN_IN_NAMES = {
  password: 'Signed up with a password',
  provider: 'Through Google or another provider',
}

/** Who has which course, and where events come from. */
export function coverageRegion({ state, now }: Overview): Markup {
  const coverage = dated(state.coverage, now)
  const details = dated(state.details, now, state.changedAt)
  // Read more rarely than the coverage, whose failure makes these old as well.
  if (details !== undefined) details.isOld ||= coverage?.isValid !== true
  const users = coverage?.value.users
  const recent = dated(state.recent, now)
  return html`<section id="coverage" class="card ${details?.isOld ? 'old' : ''}">
    <h2>Coverage${details === undefined ? EMPTY : html`<small>${countedAgo(details, now)}</small>`}</h2>
    ${details === undefined || users === undefined ? notCounted(state.details) : lists(details.value, users)}
    ${recent === undefined ? EMPTY : sources(recent.value)}
  </section>`
}

function notCounted(reading: Overview['state']['details']): Markup {
  return reading.status === 'failed'
    ? html`<p class="bad-text">Could not be counted: ${reading.reason}</p>`
    : html`<p class="quiet">Not counted yet.</p>`
}

function lists({ byCourse, bySignIn, publishedCourses }: CoverageDetails, users: number): Markup {
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

function sources({ bySource, jobs }: Recent): Markup {
  const parts = Object.entries(bySource).map(([source, number]) => `${source} ${number.toLocaleString('en')}`)
  if (parts.length === 0) return EMPTY
  return html`<h3>Where the last ${count(jobs, 'event')} came from</h3><p>${parts.join(' · ')}</p>`
}
