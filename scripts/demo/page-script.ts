/** Keeps the list live. Without it the page still works and shows the list as of when it was loaded. */
export const SCRIPT = `'use strict'
const live = document.getElementById('live')
const ended = document.getElementById('ended')
let shown = ''

async function refresh() {
  try {
    const response = await fetch('/live')
    const text = await response.text()
    if (response.ok && text !== shown && !live.contains(document.activeElement)) live.innerHTML = shown = text
    ended.hidden = true
  } catch {
    ended.hidden = false
  }
  setTimeout(refresh, document.hidden ? 3000 : 500)
}

refresh()
if (location.search !== '') history.replaceState(null, '', '/')
`
