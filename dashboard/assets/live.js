// Keeps the page up to date, and says so when it cannot. Without this script the page says when it was made.

/** The dashboard sends an event a second. */
const QUIET_MS = 3000
const STALE_MS = 5000
const LONGEST_PAUSE_MS = 10_000
const GREY_ICON =
  'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="%2364748b"/></svg>'

const main = document.getElementById('main')
const announcer = document.getElementById('announcer')
const icon = document.getElementById('icon')
const asOf = document.querySelector('#as-of time')

/** The regions as the dashboard last sent them: a stale page shows the verdict differently. */
const received = { verdict: document.getElementById('verdict').outerHTML }
let heardAt = clocks()
let isStale = false
let trouble = 'The dashboard does not answer.'

let events = follow()
const search = { failures: 0, nextAt: 0, isRunning: false }
check()
setInterval(check, 1000)
// Timers of a hidden or sleeping page run late or not at all.
document.addEventListener('visibilitychange', checkNow)
for (const wake of ['pageshow', 'online', 'focus']) addEventListener(wake, checkNow)

function follow() {
  const source = new EventSource('/events')
  source.addEventListener('regions', (event) => show(event.lastEventId, JSON.parse(event.data)))
  return source
}

/** Shows what the dashboard sent, and that the page is live. */
function show(at, regions) {
  heardAt = clocks()
  search.failures = 0
  asOf.dateTime = at
  asOf.textContent = `${at.slice(0, 10)} ${at.slice(11, 19)}`
  const wasStale = isStale
  isStale = false
  if (wasStale) endStale()
  for (const [name, html] of Object.entries(regions)) replaceRegion(name, html, wasStale)
}

function checkNow() {
  search.nextAt = 0
  check()
}

function check() {
  const silence = silentMs()
  if (silence > STALE_MS) showStale()
  if (silence > QUIET_MS && !search.isRunning && performance.now() >= search.nextAt) findBack()
}

/** The wall clock goes on while the machine sleeps; the other one goes on while the wall clock is set back. */
function clocks() {
  return [Date.now(), performance.now()]
}

function silentMs() {
  return Math.max(...clocks().map((now, index) => now - heardAt[index]))
}

/** Asks for the whole page's regions, then follows anew; leads to the login when this browser may no longer read. */
async function findBack() {
  search.isRunning = true
  events.close()
  try {
    const response = await fetch('/regions', {
      headers: { accept: 'text/html, application/json' },
      redirect: 'manual',
      cache: 'no-store',
      signal: AbortSignal.timeout(STALE_MS * (search.failures + 1)),
    })
    // The dashboard's login, or that of a proxy in front of it. The address stays, so that it leads back here.
    if (response.type === 'opaqueredirect' || [401, 403].includes(response.status)) return location.reload()
    if (!response.ok) throw new Error(`The dashboard’s address answers with HTTP ${response.status}.`)
    const { at, regions } = await response.json()
    show(at, regions)
    events = follow()
  } catch (error) {
    trouble = error.message.includes('HTTP') ? error.message : 'The dashboard does not answer.'
    if (!navigator.onLine) trouble = 'This device is offline.'
    if (isStale) showStale()
    search.failures += 1
    search.nextAt = performance.now() + pauseMs(search.failures)
  } finally {
    search.isRunning = false
  }
}

/** Grows from a second; spread, so that many pages do not come back all at once. */
function pauseMs(failures) {
  return Math.min(500 * 2 ** failures, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 4)
}

/** Says since when the page is not live, and takes the verdict's colour away. */
function showStale() {
  const time = `${asOf.dateTime.slice(11, 19)} UTC`
  const words = `Not live since ${time}. ${trouble} What you see is from then; trying again …`
  const banner = document.getElementById('stale')
  if (banner !== null) {
    if (banner.textContent !== words) banner.textContent = words
    return
  }
  isStale = true
  document.documentElement.classList.add('stale')
  document.title = `Not live since ${time} · auto-enroll`
  icon.setAttribute('href', GREY_ICON)
  const verdict = document.getElementById('verdict')
  verdict.className = 'verdict neutral'
  verdict.dataset.tone = 'neutral'
  verdict.querySelector('.mark').textContent = '?'
  verdict.querySelector('h1').prepend(`At ${time}: `)
  const alert = document.createElement('p')
  Object.assign(alert, { id: 'stale', textContent: words })
  alert.setAttribute('role', 'alert')
  main.prepend(alert)
}

function endStale() {
  document.documentElement.classList.remove('stale')
  document.getElementById('stale')?.remove()
  replaceRegion('verdict', received.verdict, true)
}

/** Replaces a part of the page, and keeps the focus and the scroll position. */
function replaceRegion(name, html, always = false) {
  const old = document.getElementById(name)
  if (old === null || (!always && received[name] === html)) return
  received[name] = html
  const focused = old.contains(document.activeElement) ? positionOf(old, document.activeElement) : -1
  const scrolled = old.querySelector('.scroll')?.scrollLeft ?? 0
  const template = document.createElement('template')
  template.innerHTML = html
  const fresh = template.content.firstElementChild
  if (fresh === null) return
  old.replaceWith(fresh)
  if (focused >= 0) focusables(fresh)[focused]?.focus({ preventScroll: true })
  if (scrolled > 0) fresh.querySelector('.scroll')?.scrollTo({ left: scrolled })
  if (name === 'verdict') announce(old, fresh)
}

function focusables(root) {
  return [...root.querySelectorAll('a, button, input, [tabindex]')]
}

function positionOf(root, element) {
  return focusables(root).indexOf(element)
}

/** A screen reader hears when the verdict becomes another, not each time that a number changes. */
function announce(old, fresh) {
  const headline = fresh.querySelector('h1')?.textContent ?? ''
  document.title = `${headline} · auto-enroll`
  icon.setAttribute('href', `/assets/icon-${fresh.dataset.tone}.svg`)
  if (old.dataset.symptom !== fresh.dataset.symptom) announcer.textContent = headline
}
