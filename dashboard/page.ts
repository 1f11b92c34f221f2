import { html } from 'hono/html'
import { type Cause, causeInWords } from '../queue/causes.js'
import { lastKnown } from './fresh.js'
import { EMPTY, linkButton, type Markup, moment, postButton } from './html.js'
import { layout } from './layout.js'
import type { Person } from './person.js'
import type { CoverageFacts, State } from './state.js'
import type { Task } from './tasks.js'
import type { Verdict } from './verdict.js'
import { agoInWords, count, durationInWords, latencyInWords } from './words.js'

export interface Overview {
  state: State
  verdict: Verdict
  task: Task | undefined
  person: Person & { hasSession: boolean }
  now: Date
}

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

const MARKS = { good: '✓', busy: '…', warning: '!', bad: '✕', neutral: '·' }

function verdictRegion({ verdict, person }: Overview): Markup {
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

const TASK_NAMES = { backfill: 'Backfill', 'retry-failed': 'Retry of failed jobs' }
const TASK_SHOWN_MS = 10 * 60_000

function taskRegion({ task, person, now }: Overview): Markup {
  if (
    task === undefined ||
    (task.ended !== undefined && now.getTime() - task.ended.at.getTime() > TASK_SHOWN_MS)
  ) {
    return html`<div id="task"></div>`
  }
  const { ended } = task
  return html`<section id="task" class="card task" aria-label="${TASK_NAMES[task.kind]}">
    <h2>${TASK_NAMES[task.kind]} <small>by ${task.by}, started ${agoInWords(task.startedAt, now)}</small></h2>
    ${
      ended === undefined
        ? html`<progress max="${Math.max(1, task.total)}" value="${task.done}" aria-label="Progress"></progress>
          <p class="row">${task.done.toLocaleString('en')} of ${task.total.toLocaleString('en')}
          ${person.role === 'operator' ? postButton('/tasks/stop', 'Stop', {}, '') : EMPTY}</p>`
        : html`<p class="${ended.succeeded ? 'good' : 'bad'}-text">${ended.succeeded ? '✓' : '✕'} ${ended.result}</p>`
    }
  </section>`
}

function figuresRegion({ state, now }: Overview): Markup {
  const depth = lastKnown(state.depth)
  const coverage = lastKnown(state.coverage)
  const recent = lastKnown(state.recent)
  const oldest = depth?.oldestWaitingAt
  const number = (value: number | undefined) => value?.toLocaleString('en') ?? '–'
  return html`<section id="figures" aria-label="Figures"><dl class="figures">
    ${figure('Enrolled', coverage === undefined ? '–' : `${coverage.coverage} %`, coverage === undefined ? '' : `${number(coverage.withEnrollment)} of ${count(coverage.users, 'user')}`)}
    ${figure('Not enrolled', number(coverage?.withoutEnrollment), coverage === undefined ? '' : counted(state, now))}
    ${figure('In the queue', number(depth?.unfinished), depth === undefined ? '' : states(depth))}
    ${figure('Oldest waiting', oldest === undefined ? (depth === undefined ? '–' : 'none') : durationInWords(now.getTime() - oldest.getTime()), 'for a worker')}
    ${figure('Event to enrollment', recent?.live === undefined ? '–' : latencyInWords(recent.live.p50Ms), recent?.live === undefined ? 'no sign-up among the last jobs' : `median; 99 %: ${latencyInWords(recent.live.p99Ms)}, of ${count(recent.live.users, 'sign-up')}`)}
    ${figure('Workers', number(depth?.workers), 'connected')}
  </dl></section>`
}

function figure(name: string, value: string, note: string): Markup {
  return html`<div><dt>${name}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>`
}

function counted(state: State, now: Date): string {
  if (state.coverage.status === 'failed') {
    const { last } = state.coverage
    return last === undefined
      ? 'not counted'
      : `counted ${agoInWords(last.readAt, now)}; the database does not answer`
  }
  if (state.coverage.status === 'pending') return ''
  const ageMs = now.getTime() - state.coverage.readAt.getTime()
  return ageMs < 5000 ? 'counted just now' : `counted ${durationInWords(ageMs)} ago`
}

function states({
  waiting,
  prioritized,
  delayed,
  active,
}: {
  waiting: number
  prioritized: number
  delayed: number
  active: number
}): string {
  return [
    [waiting, 'waiting'],
    [prioritized, 'of a backlog'],
    [delayed, 'retrying'],
    [active, 'active'],
  ]
    .filter(([number]) => number !== 0)
    .map(([number, state]) => `${number?.toLocaleString('en')} ${state}`)
    .join(', ')
}

const SIGN_IN_NAMES = {
  password: 'Signed up with a password',
  provider: 'Through Google or another provider',
}

function coverageRegion({ state }: Overview): Markup {
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

function actionsRegion({ state, person, task }: Overview): Markup {
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

function plots(): Markup {
  const plot = (name: string, title: string) =>
    html`<figure class="plot"><figcaption>${title}</figcaption><div data-plot="${name}" role="img" aria-label="${title}"></div><p class="quiet" data-summary="${name}"></p></figure>`
  return html`<section id="flow" class="card">
    <h2>Flow</h2>
    <noscript><p class="quiet">The plots need JavaScript; everything else on this page does not.</p></noscript>
    <div class="plots">
      ${plot('hour', 'Finished a minute, last hour')}
      ${plot('weeks', 'Finished an hour, last two weeks')}
      ${plot('depth', 'Jobs in the queue, last hour')}
      ${plot('latency', 'Seconds: oldest waiting, and event to enrollment')}
    </div>
  </section>`
}

function failuresRegion({ state, person }: Overview): Markup {
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

function auditRegion({ state }: Overview): Markup {
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
