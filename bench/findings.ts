import { markdownTable } from 'markdown-table'
import type { Spread } from './rounds.js'

/** What a scenario found: tables, plots, and figures that are compared with their targets. */
export interface Findings {
  title: string
  /** How it was measured, in a paragraph. */
  method: string
  tables: Table[]
  figures: Figure[]
  plots: Plot[]
}

export interface Table {
  title: string
  columns: string[]
  rows: string[][]
}

/** A figure with its targets. `at-least`: more is better; `at-most`: less is better. */
export interface Figure {
  name: string
  value: Spread
  unit: 'ratio' | 'ms'
  bound: 'at-least' | 'at-most'
  required: number
  aim: number
}

export interface Plot {
  /** File name without extension. */
  file: string
  title: string
  kind: 'bar' | 'line'
  unit: string
  categories: string[]
  series: { name: string; values: number[] }[]
}

export function tableText({ columns, rows }: Table): string {
  return markdownTable([columns, ...rows], { align: ['l', ...columns.slice(1).map(() => 'r')] })
}

export function figuresTable(figures: readonly Figure[]): Table {
  return {
    title: 'Targets',
    columns: ['figure', 'median', 'spread', 'required', 'aim', 'verdict'],
    rows: figures.map((figure) => {
      const { name, value, bound, required, aim, unit } = figure
      const sign = bound === 'at-least' ? '≥' : '≤'
      const suffix = unit === 'ms' ? ' ms' : ''
      return [
        name,
        `${precise(value.median)}${suffix}`,
        `${precise(value.min)} … ${precise(value.max)}`,
        `${sign} ${required}${suffix}`,
        `${sign} ${aim}${suffix}`,
        verdict(figure),
      ]
    }),
  }
}

function verdict({ value, bound, required, aim }: Figure): string {
  const reaches = (limit: number) => (bound === 'at-least' ? value.median >= limit : value.median <= limit)
  if (reaches(aim)) return '✓ aim'
  return reaches(required) ? '✓' : '✗'
}

/** A count or a rate: a whole number with thousands separators. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** Three significant digits. */
export function precise(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 6 })
}

export function wholeSpread({ median, min, max }: Spread): string {
  return `${whole(median)} (${whole(min)} … ${whole(max)})`
}

export function preciseSpread({ median, min, max }: Spread): string {
  return `${precise(median)} (${precise(min)} … ${precise(max)})`
}
