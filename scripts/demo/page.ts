import { html } from 'hono/html'
import type { FieldErrors } from '../../producers/sign-up.js'
import { GOOGLE_PROFILES, type GoogleName } from './cast.js'
import type { RosterUser } from './roster.js'

/** What the page shows. */
export interface View {
  users: readonly RosterUser[]
  courses: readonly { title: string; isPublished: boolean }[]
  queue: 'running' | 'stopped'
  worker: 'running' | 'not-started'
  isTouring: boolean
  /** Other pages of this demo, such as the operators' dashboard. */
  links: readonly { label: string; url: string }[]
}

/** What the form shows when it comes back with errors; never the password. */
export interface FormState {
  name: string
  email: string
  errors: FieldErrors
}

export type Notice =
  | { kind: 'queued' | 'duplicate' | 'deferred' | 'returning'; tookMs: number }
  | { kind: 'refused' | 'no-profile' }

interface Answer {
  form?: FormState
  notice?: Notice | undefined
  chosen?: GoogleName
}

const EMPTY: FormState = { name: '', email: '', errors: {} }

/** The whole page; everything in it is escaped. */
export function page(view: View, { form = EMPTY, notice, chosen }: Answer = {}) {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign up · auto-enroll demo</title>
<link rel="stylesheet" href="/style.css">
<script src="/live.js" defer></script>
</head>
<body>
<header>
<h1>auto-enroll <small>demo</small></h1>
<p>Sign up, and a moment later you are enrolled in every published course. Sign-up never waits for that.</p>
</header>
<p id="ended" class="notice bad" role="alert" hidden>The demo has ended. Run <code>npm run demo</code> to see it again.</p>
${notice === undefined ? '' : noticePart(notice)}
<div class="columns">
<main>
${signUpForm(form)}
${googleForm(chosen)}
</main>
<div id="live">${livePart(view)}</div>
</div>
<noscript><p class="hint">Without JavaScript the list does not update by itself: <a href="/">reload</a>.</p></noscript>
</body>
</html>`
}

/** The part of the page that updates by itself. */
export function livePart(view: View) {
  return html`${statusPart(view)}
<section class="card" aria-labelledby="users">
<h2 id="users">Users and their courses <span class="count">${view.users.length}</span></h2>
<ul class="users">${view.users.map(userPart)}</ul>
<p class="courses">Courses: ${view.courses.map(
    ({ title, isPublished }) =>
      html`<span class="chip${isPublished ? '' : ' draft'}">${title}${isPublished ? '' : ' (draft)'}</span> `,
  )}</p>
</section>`
}

function statusPart({ queue, worker, isTouring, links }: View) {
  const isStopped = queue === 'stopped'
  return html`<section class="card status" aria-label="What is running">
<ul class="parts">
<li><span class="dot ${isStopped ? 'bad' : 'good'}"></span>Queue <strong>${isStopped ? 'stopped' : 'running'}</strong></li>
<li><span class="dot ${worker === 'running' ? 'good' : 'idle'}"></span>Worker <strong>${worker === 'running' ? 'running' : 'not started yet'}</strong></li>
</ul>
${
  isTouring
    ? html`<p class="hint">The tour is running; follow it in the terminal.</p>`
    : html`<form method="post" action="/queue/${isStopped ? 'start' : 'stop'}">
<button class="quiet">${isStopped ? 'Start the queue again' : 'Stop the queue'}</button>
<span class="hint">${isStopped ? 'Sign up now: it still works.' : 'and sign up while it is down.'}</span>
</form>`
}
${links.length === 0 ? '' : html`<nav>${links.map(({ label, url }) => html`<a href="${url}">${label}</a> `)}</nav>`}
</section>`
}

function userPart({ name, email, courses, enrolledAfterMs }: RosterUser) {
  return html`<li>
<span class="avatar" aria-hidden="true">${[...name.trim()][0] ?? '?'}</span>
<div>
<p class="who"><strong>${name}</strong> <span class="email">${email}</span></p>
<p>${
    courses.length === 0
      ? html`<span class="chip waiting">no course yet</span>`
      : courses.map(
          ({ title, byHand }) =>
            html`<span class="chip${byHand ? '' : ' good'}">${title}${byHand ? ' · by hand' : ''}</span> `,
        )
  }${
    enrolledAfterMs !== null && enrolledAfterMs < LIVE_MS
      ? html`<span class="hint after">after ${duration(enrolledAfterMs)}</span>`
      : ''
  }</p>
</div>
</li>`
}

/** Users who waited longer than this were there before auto-enroll. */
const LIVE_MS = 60 * 60 * 1000

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function noticePart(notice: Notice) {
  switch (notice.kind) {
    case 'queued':
    case 'duplicate':
      return html`<p class="notice good" role="status">Welcome! That took ${notice.tookMs} ms. Your courses will follow by themselves.</p>`
    case 'deferred':
      return html`<p class="notice wait" role="status">Welcome! That took ${notice.tookMs} ms, even though the queue is down. The reconciler will find you in the database once the queue is back.</p>`
    case 'returning':
      return html`<p class="notice good" role="status">Welcome back! That took ${notice.tookMs} ms. You already have your courses, so nothing was published.</p>`
    case 'refused':
      return html`<p class="notice bad" role="alert">Google has not verified this email address, so nobody was signed in.</p>`
    case 'no-profile':
      return html`<p class="notice bad" role="alert">Choose a Google profile.</p>`
  }
}

function signUpForm({ name, email, errors }: FormState) {
  return html`<section class="card" aria-labelledby="sign-up">
<h2 id="sign-up">Sign up</h2>
<form method="post" action="/sign-up" novalidate>
${field('name', 'Name', html`type="text" autocomplete="name" value="${name}"`, errors.name)}
${field('email', 'Email', html`type="email" autocomplete="email" value="${email}"`, errors.email)}
${field('password', 'Password', html`type="password" autocomplete="new-password"`, errors.password)}
<button>Sign up</button>
</form>
</section>`
}

function field(name: string, label: string, attributes: unknown, error: string | undefined) {
  return html`<p class="field">
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" ${attributes}${error === undefined ? '' : html` aria-invalid="true" aria-describedby="${name}-error"`}>
${error === undefined ? '' : html`<span class="error" id="${name}-error">${error}</span>`}
</p>`
}

function googleForm(chosen: GoogleName | undefined) {
  return html`<section class="card" aria-labelledby="google">
<h2 id="google">Or with Google</h2>
<form method="post" action="/google">
<p class="field">
<label for="profile">Google profile</label>
<select id="profile" name="profile">${Object.entries(GOOGLE_PROFILES).map(
    ([key, profile]) =>
      html`<option value="${key}"${key === chosen ? ' selected' : ''}>${profile.name}${profile.email_verified ? '' : ' (email not verified)'}</option>`,
  )}</select>
</p>
<button class="google">Continue with Google</button>
<p class="hint">This is a simulation: no request goes to Google.</p>
</form>
</section>`
}
