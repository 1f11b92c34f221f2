import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Option } from 'commander'
import { type Answer, runCommand } from '../scripts/command.js'
import { backfill } from './backfill.js'
import { type Bench, createBench } from './bench.js'
import { type Findings, figuresTable, tableText } from './findings.js'
import { latency } from './latency.js'
import { describeMachine, loadAverage } from './machine.js'
import { publish } from './publish.js'
import { type Measured, type Results, readResults, writeReport, writeResults } from './report.js'
import { scaleOut } from './scale-out.js'
import { startServers } from './servers.js'
import { throughput } from './throughput.js'

const SCENARIOS: Readonly<Record<string, (bench: Bench) => Promise<Findings>>> = {
  throughput,
  backfill,
  latency,
  publish,
  'scale-out': scaleOut,
}
const DOCS = fileURLToPath(new URL('../../docs', import.meta.url))
const RESULTS = join(DOCS, 'performance.json')

await runCommand({
  name: 'bench',
  description:
    'Starts its own Redis and Postgres, measures, compares the figures with their targets, and writes ' +
    'docs/performance.md with its plots and docs/performance.json.',
  flags: [
    new Option('--quick', 'small numbers, two rounds instead of five, and no files written'),
    new Option(
      '--only <scenario>',
      'measure one scenario; the document keeps the earlier results of the others',
    ).choices(Object.keys(SCENARIOS)),
  ],
  async run({ log }, { quick = false, only }: { quick?: boolean; only?: string }) {
    const measured = await measure(quick, only, (what) => log.info(what))
    if (!quick) {
      const all = inOrder({ ...(await readResults(RESULTS)), ...measured })
      await writeReport(DOCS, all)
      await writeResults(RESULTS, all)
    }
    return answer(measured)
  },
})

/** In the order of `SCENARIOS`, whichever was measured last. */
function inOrder(results: Results): Results {
  return Object.fromEntries(
    Object.keys(SCENARIOS).flatMap((name) => (results[name] === undefined ? [] : [[name, results[name]]])),
  )
}

async function measure(
  quick: boolean,
  only: string | undefined,
  progress: Bench['progress'],
): Promise<Results> {
  const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-bench-'))
  const servers = await startServers()
  const bench = createBench(servers, folder, quick, progress)
  const results: Results = {}
  try {
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      if (only !== undefined && only !== name) continue
      const before = loadAverage()
      const findings = await scenario(bench)
      const load = { before, after: loadAverage() }
      const { rounds } = bench
      results[name] = {
        ...findings,
        takenAt: new Date().toISOString(),
        rounds,
        machine: describeMachine(servers),
        load,
      }
    }
    return results
  } finally {
    await servers.stop()
    await rm(folder, { recursive: true })
  }
}

function answer(results: Results): Answer {
  const figures = figuresTable(Object.values(results).flatMap((measured) => measured.figures))
  return {
    text: [...Object.values(results).map(textOf), `${figures.title}\n${tableText(figures)}`].join('\n\n'),
    json: results,
  }
}

function textOf({ title, tables }: Measured): string {
  return [`# ${title}`, ...tables.map((table) => `${table.title}\n${tableText(table)}`)].join('\n\n')
}
