import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Option } from 'commander'
import { runCommand } from '../scripts/command.js'
import { type Bench, createBench } from './bench.js'
import { type Findings, figuresTable, tableText } from './findings.js'
import { startServers } from './servers.js'
import { throughput } from './throughput.js'

const SCENARIOS: Readonly<Record<string, (bench: Bench) => Promise<Findings>>> = { throughput }

await runCommand({
  name: 'bench',
  description:
    'Measures on a Redis and a Postgres of its own, and holds the figures against what they should reach.',
  flags: [
    new Option('--quick', 'smaller numbers, in less than 90 s'),
    new Option('--only <scenario>', 'one scenario').choices(Object.keys(SCENARIOS)),
  ],
  async run({ log }, { quick = false, only }: { quick?: boolean; only?: string }) {
    const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-bench-'))
    const servers = await startServers()
    try {
      const bench = createBench(servers, folder, quick, (what) => log.info(what))
      const findings: Findings[] = []
      for (const [name, scenario] of Object.entries(SCENARIOS)) {
        if (only === undefined || only === name) findings.push(await scenario(bench))
      }
      return { text: findings.map(textOf).join('\n\n'), json: findings }
    } finally {
      await servers.stop()
      await rm(folder, { recursive: true })
    }
  },
})

function textOf({ title, tables, figures }: Findings): string {
  return [
    `# ${title}`,
    ...[...tables, figuresTable(figures)].map((table) => `${table.title}\n${tableText(table)}`),
  ].join('\n\n')
}
