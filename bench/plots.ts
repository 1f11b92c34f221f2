import { init } from 'echarts'
import type { Plot } from './findings.js'

const SIZE = { width: 900, height: 420 }

/** Draws a plot as SVG, without a browser. */
export function drawPlot({ title, kind, unit, categories, series }: Plot): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...SIZE })
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      title: { text: title, left: 'center', top: 8, textStyle: { fontSize: 16 } },
      // Without a browser, text widths are only estimated.
      legend: { bottom: 4, show: series.length > 1, textStyle: { width: 240 } },
      grid: { left: 70, right: 20, top: 60, bottom: series.length > 1 ? 90 : 40 },
      xAxis: { type: 'category', data: categories },
      yAxis: { type: 'value', name: unit },
      series: series.map(({ name, values }) => ({
        type: kind,
        name,
        data: values.map((value) => Number(value.toPrecision(4))),
        label: { show: true, position: 'top', fontSize: 11 },
      })),
    })
    return `${chart.renderToSVGString()}\n`
  } finally {
    chart.dispose()
  }
}
