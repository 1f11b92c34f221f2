import { html } from 'hono/html'
import type { Markup } from '../html.js'

export function plots(): Markup {
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
