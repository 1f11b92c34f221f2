import { html, raw } from 'hono/html'

/** Markup that is safe to send: everything put into it was escaped. */
export type Markup = ReturnType<typeof html>

/** Nothing. */
export const EMPTY: Markup = raw('')

/** A moment for people and programs. */
export function moment(then: Date): Markup {
  const iso = then.toISOString()
  return html`<time datetime="${iso}" title="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)}</time>`
}

/** A form with one button that changes something. */
export function postButton(
  action: string,
  label: string,
  fields: Record<string, string> = {},
  kind = 'primary',
): Markup {
  const inputs = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )
  return html`<form method="post" action="${action}">${inputs}<button class="button ${kind}">${label}</button></form>`
}

/** A link that looks like a button, to a page that previews an action. */
export function linkButton(href: string, label: string, kind = ''): Markup {
  return html`<a class="button ${kind}" href="${href}">${label}</a>`
}
