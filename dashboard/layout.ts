import { html, raw } from 'hono/html'
import { EMPTY, type Markup, moment } from './html.js'
import type { Person } from './person.js'

interface LayoutOptions {
  title: string
  /** Nobody on the login page. */
  person?: Person & { hasSession: boolean }
  /** What was searched for. */
  search?: string
  tone?: string
  /** Follows the state by server-sent events. */
  live?: boolean
}

/** The frame of every page. */
export function layout(
  { title, person, search = '', tone = 'neutral', live = false }: LayoutOptions,
  main: Markup,
): Markup {
  return html`${raw('<!doctype html>')}
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <meta name="color-scheme" content="light dark">
    <title>${title} · auto-enroll</title>
    <link id="icon" rel="icon" type="image/svg+xml" href="/assets/icon-${tone}.svg">
    <link rel="stylesheet" href="/assets/uplot.css">
    <link rel="stylesheet" href="/assets/style.css">
    ${live ? html`<script defer src="/assets/uplot.js"></script><script defer src="/assets/plots.js"></script><script defer src="/assets/live.js"></script><noscript><meta http-equiv="refresh" content="10"></noscript>` : EMPTY}
  </head>
  <body>
    <a class="skip" href="#main">Skip to the content</a>
    <header class="top">
      <a class="brand" href="/">auto<span>-</span>enroll</a>
      ${person === undefined ? EMPTY : navigation(person, search)}
    </header>
    <main id="main" tabindex="-1">${main}</main>
    ${person === undefined ? EMPTY : html`<footer id="as-of">As of ${moment(new Date())} UTC</footer>`}
  </body>
</html>`
}

function navigation(person: Person & { hasSession: boolean }, search: string): Markup {
  return html`
    <form class="search" role="search" action="/users">
      <label for="search">Is this user enrolled?</label>
      <input id="search" name="q" type="search" placeholder="User id or email" value="${search}" autocomplete="off" required>
      <button class="button">Look up</button>
    </form>
    <nav aria-label="Pages">
      <a href="/">Overview</a>
      <a href="/queues/">Jobs</a>
      <a href="/runbook">Runbook</a>
    </nav>
    <div class="who">
      <span><b>${person.name}</b> ${person.role}</span>
      ${person.hasSession ? html`<form method="post" action="/logout"><button class="link">Log out</button></form>` : EMPTY}
    </div>`
}
