import { html } from 'hono/html'
import { causeInWords } from '../queue/causes.js'
import { COURSES_LISTED, type Explanation, lackedOf } from './explain.js'
import { EMPTY, linkButton, type Markup, moment, postButton } from './html.js'
import { layout } from './layout.js'
import type { Person } from './person.js'
import { count } from './words.js'

type Visitor = Person & { hasSession: boolean }

export function loginPage({ next, problem }: { next: string; problem?: string }): Markup {
  return layout(
    { title: 'Log in' },
    html`<section class="card narrow">
      <h1>Log in</h1>
      ${problem === undefined ? EMPTY : html`<p class="bad-text" role="alert">${problem}</p>`}
      <form method="post" action="/login" class="stacked">
        <input type="hidden" name="next" value="${next}">
        <label for="name">Name</label><input id="name" name="name" autocomplete="username" required autofocus>
        <label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
        <button class="button primary">Log in</button>
      </form>
    </section>`,
  )
}

export interface Preview {
  title: string
  /** What will happen, in sentences. */
  sentences: string[]
  /** Who or what it concerns, the first of them. */
  examples?: string[]
  /** The button, unless there is nothing to do. */
  confirm?: { action: string; label: string; fields?: Record<string, string> }
}

/** Shows what an action would do, and asks. */
export function previewPage(person: Visitor, { title, sentences, examples = [], confirm }: Preview): Markup {
  return layout(
    { title, person },
    html`<section class="card narrow">
      <h1>${title}</h1>
      ${sentences.map((sentence) => html`<p>${sentence}</p>`)}
      ${examples.length === 0 ? EMPTY : html`<div class="examples" tabindex="0" role="region" aria-label="Concerned"><ul>${examples.map((example) => html`<li>${example}</li>`)}</ul></div>`}
      <div class="row">
        ${confirm === undefined ? EMPTY : postButton(confirm.action, confirm.label, confirm.fields)}
        ${linkButton('/', confirm === undefined ? 'Back' : 'Cancel')}
      </div>
    </section>`,
  )
}

export function problemPage(person: Visitor | undefined, title: string, sentences: string[]): Markup {
  return layout(
    { title, ...(person === undefined ? {} : { person }) },
    html`<section class="card narrow"><h1>${title}</h1>${sentences.map((sentence) => html`<p>${sentence}</p>`)}
      <div class="row">${linkButton('/', 'Back')}</div></section>`,
  )
}

export function nobodyPage(person: Visitor, search: string): Markup {
  return layout(
    { title: 'Nobody found', person, search },
    html`<section class="card narrow"><h1>No such user</h1>
      <p>Nobody has the id or email “${search}”. Emails are compared whole; ids must be complete.</p></section>`,
  )
}

const MARKS = { good: '✓', neutral: '·', bad: '✕' }

/** Neutral where some courses are lacking, or none is published. */
function toneOf(enrolled: boolean, lacksCourses: boolean): keyof typeof MARKS {
  if (enrolled) return lacksCourses ? 'neutral' : 'good'
  return lacksCourses ? 'bad' : 'neutral'
}

/** What is known of one user. */
export function userPage(
  person: Visitor,
  search: string,
  { user, courses, jobs, sentence, enrolled }: Explanation,
): Markup {
  const missing = courses.some((course) => course.isPublished && course.status === undefined)
  const tone = toneOf(enrolled, missing)
  return layout(
    { title: user.email, person, search },
    html`<section class="verdict ${tone}" aria-label="Verdict">
        <span class="mark" aria-hidden="true">${MARKS[tone]}</span>
        <div><h1>${user.email}</h1><p class="sentence">${sentence}</p>
        <p class="row">${missing && person.role === 'operator' ? linkButton(`/enroll?user=${encodeURIComponent(user.id)}`, 'Enroll now', 'primary') : EMPTY}</p></div>
      </section>
      <section class="card"><h2>User</h2><dl class="pairs">
        <dt>Id</dt><dd><code>${user.id}</code></dd><dt>Name</dt><dd>${user.name}</dd>
        ${user.createdAt === undefined ? EMPTY : html`<dt>Signed up (UTC)</dt><dd>${moment(user.createdAt)}</dd>`}</dl></section>
      <section class="card"><h2>Courses</h2>
        ${courses.length === 0 ? html`<p class="quiet">No course is published.</p>` : courseTable(courses)}
        ${courses.length > COURSES_LISTED ? html`<p class="quiet">and ${courses.length - COURSES_LISTED} more of ${count(courses.length, 'course')}, ${lackedOf(courses)}.</p>` : EMPTY}</section>
      <section class="card"><h2>Jobs in the queue</h2>
        ${jobList(jobs)}</section>`,
  )
}

const MAKERS = { 'auto-enroll': 'auto-enroll', hand: 'by hand', unknown: 'not known' }

function courseTable(courses: Explanation['courses']): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Courses"><table>
    <thead><tr><th scope="col">Course</th><th scope="col">Enrolled</th><th scope="col">Since (UTC)</th><th scope="col">By</th></tr></thead>
    <tbody>${courses.slice(0, COURSES_LISTED).map(
      (
        course,
      ) => html`<tr><th scope="row">${course.title}${course.isPublished ? EMPTY : html`<small>not published</small>`}</th>
        <td class="${course.status === undefined ? 'bad' : 'good'}-text">${course.status === undefined ? '✕ no' : `✓ ${course.status}`}</td>
        <td>${course.enrolledAt === undefined ? '–' : moment(course.enrolledAt)}</td>
        <td>${course.madeBy === undefined ? '–' : MAKERS[course.madeBy]}</td></tr>`,
    )}</tbody></table></div>`
}

function jobList(jobs: Explanation['jobs']): Markup {
  if (jobs === undefined) return html`<p class="bad-text">The queue does not respond.</p>`
  return jobs.length === 0 ? html`<p class="quiet">None.</p>` : jobTable(jobs)
}

function jobTable(jobs: NonNullable<Explanation['jobs']>): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Jobs in the queue"><table>
    <thead><tr><th scope="col">Queued (UTC)</th><th scope="col">State</th><th scope="col">Source</th><th scope="col">Attempts</th><th scope="col">Last error</th></tr></thead>
    <tbody>${jobs.map(
      (job) => html`<tr><td><a href="/jobs/${encodeURIComponent(job.jobId)}">${moment(job.queuedAt)}</a></td>
        <td>${job.outcome ?? job.state}</td><td>${job.source}</td><td>${job.attempts} of ${job.maxAttempts}</td>
        <td>${job.cause === undefined ? '–' : html`${causeInWords(job.cause)}<small>${job.cause.message}</small>`}</td></tr>`,
    )}</tbody></table></div>`
}
