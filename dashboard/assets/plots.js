// Draws the plots of the page. uPlot draws a gap where a value is null: nobody knows it.

const PLOTS = {
  hour: { series: ['completed', 'failed'], bars: true, total: 'last hour', step: 'minute' },
  weeks: { series: ['completed', 'failed'], bars: true, total: 'last two weeks', step: 'hour' },
  depth: { series: ['waiting', 'retrying', 'active'] },
  latency: { series: ['oldest waiting', 'median', '99 %'] },
}
const COLOURS = {
  completed: '--good',
  failed: '--bad',
  waiting: '--busy',
  retrying: '--warning',
  active: '--good',
  'oldest waiting': '--warning',
  median: '--good',
  '99 %': '--busy',
}
/** The format of times for each distance between ticks, in seconds. */
const CLOCK = [
  [86_400, '{D} {MMM}'],
  [60, '{HH}:{mm}'],
  [1, '{HH}:{mm}:{ss}'],
].map(([seconds, format]) => [seconds, format, null, null, null, null, null, null, 1])
const REFRESH_MS = 15_000
/** Until everything was read for the first time. */
const FIRST_REFRESH_MS = 2000
const HEIGHT = 180

const drawn = new Map()
const darkScheme = matchMedia('(prefers-color-scheme: dark)')

let readAt

async function refreshPlots() {
  const plots = await fetch('/plots.json', {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(REFRESH_MS),
  })
    .then((response) => (response.ok ? response.json() : undefined))
    .catch(() => undefined)
  if (plots === undefined) return sayNotRead()
  readAt = Date.now() / 1000
  for (const [name, plotted] of Object.entries(plots)) draw(name, plotted)
  return Object.values(plots).every(([, first]) => first.some((value) => value !== null))
}

/** What is drawn is old now. */
function sayNotRead() {
  for (const name of Object.keys(PLOTS)) {
    write(name, readAt === undefined ? 'not read yet' : `not read since ${clock(readAt)}`)
  }
  return false
}

function draw(name, plotted) {
  const place = document.querySelector(`[data-plot="${name}"]`)
  if (place === null) return
  const data = PLOTS[name].bars ? withoutZeros(plotted) : plotted
  const known = drawn.get(name)
  if (known === undefined) drawn.set(name, { plot: new uPlot(optionsFor(name, place), data, place), plotted })
  else {
    known.plot.setData(data)
    known.plotted = plotted
  }
  write(name, PLOTS[name].total === undefined ? presentInWords(name, plotted) : totalInWords(name, plotted))
}

/** A bar of no height would still be drawn as a line. */
function withoutZeros([times, ...series]) {
  return [times, ...series.map((values) => values.map((value) => (value === 0 ? null : value)))]
}

/** The plot in words, below it and for a screen reader. */
function write(name, words) {
  const place = document.querySelector(`[data-plot="${name}"]`)
  document.querySelector(`[data-summary="${name}"]`).textContent = words
  place.setAttribute('aria-label', `${place.parentElement.querySelector('figcaption').textContent}. ${words}`)
}

/** Sums what is known, and says how much is not. */
function totalInWords(name, [times, ...series]) {
  const { series: names, total, step } = PLOTS[name]
  const unread = series[0].filter((value) => value === null).length
  if (unread === times.length) return `${total}: not read yet`
  const sums = names.map((label, index) => `${label} ${series[index].reduce((sum, value) => sum + value, 0)}`)
  const gaps = unread === 0 ? '' : `; ${unread} ${step}${unread === 1 ? '' : 's'} not read`
  return `${total}: ${sums.join(', ')}${gaps}`
}

function presentInWords(name, [times, ...series]) {
  if (times.length === 0) return 'not read yet'
  const figures = PLOTS[name].series.map((label, index) => {
    const value = series[index].at(-1)
    return `${label} ${value === null ? '?' : Math.round(value * 1000) / 1000}`
  })
  return `now; sampled since ${clock(times[0])}: ${figures.join(', ')}`
}

function clock(seconds) {
  return `${new Date(seconds * 1000).toISOString().slice(11, 16)} UTC`
}

function optionsFor(name, place) {
  const { series, bars } = PLOTS[name]
  const ink = colour('--quiet')
  const axis = {
    stroke: ink,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
  }
  return {
    width: place.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    scales: {
      x: bars ? {} : { range: (plot) => lastHour(plot.data[0].at(-1) ?? Date.now() / 1000) },
      y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] },
    },
    axes: [
      { ...axis, values: CLOCK },
      { ...axis, size: 60 },
    ],
    legend: { live: false },
    series: [
      {},
      ...series.map((label) => ({
        label,
        stroke: colour(COLOURS[label]),
        width: bars ? 1 : 2,
        points: { show: false },
        ...(bars
          ? { fill: `${colour(COLOURS[label])}66`, paths: uPlot.paths.bars({ size: [0.8, 20] }) }
          : {}),
      })),
    ],
  }
}

/** By the dashboard's clock, which need not be this machine's. */
function lastHour(now) {
  return [now - 3600, now]
}

function colour(variable) {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim()
}

addEventListener('resize', () => {
  for (const { plot } of drawn.values()) {
    plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT })
  }
})
darkScheme.addEventListener('change', () => {
  for (const [name, { plot, plotted }] of drawn) {
    plot.destroy()
    drawn.delete(name)
    draw(name, plotted)
  }
})

async function keepDrawing() {
  const isComplete = await refreshPlots()
  setTimeout(keepDrawing, isComplete ? REFRESH_MS : FIRST_REFRESH_MS)
}
keepDrawing()
