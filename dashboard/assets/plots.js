// Draws the plots of the page. uPlot draws a gap where a value is null: nobody knows it.

const PLOTS = {
  hour: { series: ['completed', 'failed'], bars: true, total: 'last hour' },
  weeks: { series: ['completed', 'failed'], bars: true, total: 'last two weeks' },
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
/** How times are told at each distance of ticks, in seconds. */
const CLOCK = [
  [86_400, '{D} {MMM}'],
  [60, '{HH}:{mm}'],
  [1, '{HH}:{mm}:{ss}'],
].map(([seconds, format]) => [seconds, format, null, null, null, null, null, null, 1])
const REFRESH_MS = 15_000
const HEIGHT = 180

const drawn = new Map()
const darkScheme = matchMedia('(prefers-color-scheme: dark)')

async function refreshPlots() {
  const response = await fetch('/plots.json', { headers: { accept: 'application/json' } }).catch(
    () => undefined,
  )
  if (response?.ok !== true) return
  const plots = await response.json()
  for (const [name, data] of Object.entries(plots)) draw(name, data)
}

function draw(name, plotted) {
  const data = PLOTS[name].bars ? withoutZeros(plotted) : plotted
  const place = document.querySelector(`[data-plot="${name}"]`)
  if (place === null) return
  const known = drawn.get(name)
  if (known === undefined) drawn.set(name, { plot: new uPlot(optionsFor(name, place), data, place), data })
  else {
    known.plot.setData(data)
    known.data = data
  }
  summarise(name, data, place)
}

/** A bar of no height would still be drawn as a line. */
function withoutZeros([times, ...series]) {
  return [times, ...series.map((values) => values.map((value) => (value === 0 ? null : value)))]
}

/** The plot in words, below it and for a screen reader. */
function summarise(name, [times, ...series], place) {
  const { series: names, total } = PLOTS[name]
  const figures = names.map((label, index) => {
    const values = series[index] ?? []
    const figure = total === undefined ? values.at(-1) : values.reduce((sum, value) => sum + value, 0)
    return `${label} ${figure === null || figure === undefined ? '–' : Math.round(figure * 1000) / 1000}`
  })
  const words =
    times.length === 0
      ? 'no samples yet'
      : `${total ?? `now; sampled since ${clock(times[0])}`}: ${figures.join(', ')}`
  const summary = document.querySelector(`[data-summary="${name}"]`)
  if (summary !== null) summary.textContent = words
  place.setAttribute('aria-label', `${place.parentElement.querySelector('figcaption').textContent}. ${words}`)
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
      x: bars ? {} : { range: () => [Date.now() / 1000 - 3600, Date.now() / 1000] },
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

function colour(variable) {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim()
}

addEventListener('resize', () => {
  for (const { plot } of drawn.values()) {
    plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT })
  }
})
darkScheme.addEventListener('change', () => {
  for (const [name, { plot, data }] of drawn) {
    plot.destroy()
    drawn.delete(name)
    draw(name, data)
  }
})

refreshPlots()
setInterval(refreshPlots, REFRESH_MS)
