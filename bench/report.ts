import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Findings, figuresTable, precise, type Table, tableText } from './findings.js'
import { drawPlot } from './plots.js'

/** A scenario's findings, with when and where they were measured. */
export interface Measured extends Findings {
  takenAt: string
  rounds: number
  machine: string[]
  /** Load average of the machine before and after, which shows whether anything else was running. */
  load: { before: number; after: number }
}

/** The latest measurements, by scenario. */
export type Results = Record<string, Measured>

const PLOTS = 'performance'

/** @returns what an earlier run wrote to `file`; empty if there is none */
export async function readResults(file: string): Promise<Results> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Results
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

export function writeResults(file: string, results: Results): Promise<void> {
  return writeFile(file, `${JSON.stringify(results, null, 2)}\n`)
}

/** Writes `performance.md` and its plots to a folder. */
export async function writeReport(folder: string, results: Results): Promise<void> {
  await mkdir(join(folder, PLOTS), { recursive: true })
  const all = Object.values(results)
  for (const plot of all.flatMap(({ plots }) => plots)) {
    await writeFile(join(folder, PLOTS, `${plot.file}.svg`), drawPlot(plot))
  }
  const figures = figuresTable(all.flatMap(({ figures }) => figures))
  await writeFile(
    join(folder, 'performance.md'),
    `${[INTRODUCTION, section(figures, 2), ...all.map(chapter)].join('\n\n')}\n`,
  )
}

const INTRODUCTION = `# Performance

\`npm run bench\` writes this file, its plots and \`performance.json\`. \`npm run bench -- --quick\` checks with small numbers
whether much has changed, and writes nothing.

Everything runs on one machine: our processes, Redis and Postgres share its cores. Each figure is a median over rounds, with
the smallest and largest value next to it. In each round all contestants run one after the other, starting with a different
one each time; the first round is a warm-up and does not count. Ratios are computed within each round, and we report their
median. Absolute figures depend on the machine and on what else it is doing. The ratios are what you can rely on.`

function chapter({ title, method, tables, plots, takenAt, rounds, machine, load }: Measured): string {
  return [
    `## ${title}`,
    method,
    ...plots.map((plot) => `![${plot.title}](${PLOTS}/${plot.file}.svg)`),
    ...tables.map((table) => section(table, 3)),
    `Measured on ${takenAt.slice(0, 10)} in ${rounds} rounds on ${machine.join('; ')}. Load average of the machine ` +
      `${precise(load.before)} before, ${precise(load.after)} after.`,
  ].join('\n\n')
}

function section(table: Table, level: number): string {
  return `${'#'.repeat(level)} ${table.title}\n\n${tableText(table)}`
}
