import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { readResults, writeReport } from '../../bench/report.js'
import { envExample, settingsTable } from '../../config/settings-docs.js'
import { reliabilityPage } from '../faults/reliability-page.js'

// `npm run docs` updates these "snapshots", which are the documents themselves.

it('has the settings table of the schema in the README', async () => {
  const readme = readFileSync('README.md', 'utf8')
  const marked = /(<!-- settings -->\n)[\s\S]*?(<!-- \/settings -->)/
  expect(readme).toMatch(marked)
  const expected = readme.replace(marked, (_, start, end) => `${start}${settingsTable()}\n${end}`)
  await expect(expected).toMatchFileSnapshot('../../README.md')
})

it('has every setting of the schema in .env.example', async () => {
  await expect(envExample()).toMatchFileSnapshot('../../.env.example')
})

it('has in docs/reliability.md the text of the fault suite around the measured rows', async () => {
  const rows = readFileSync('docs/reliability.md', 'utf8').match(/^\| [✓✗] .+$/gm) ?? []
  expect(rows.length).toBeGreaterThan(20)
  await expect(reliabilityPage([]).trimEnd().concat('\n', rows.join('\n'), '\n')).toMatchFileSnapshot(
    '../../docs/reliability.md',
  )
})

it('has in docs/performance.md what the bench writes for docs/performance.json', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-performance-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeReport(folder, await readResults('docs/performance.json'))
  const plots = (await readdir(join(folder, 'performance'))).map((name) => join('performance', name))
  expect(plots.length).toBeGreaterThan(3)
  for (const name of ['performance.md', ...plots])
    await expect(await readFile(join(folder, name), 'utf8')).toMatchFileSnapshot(`../../docs/${name}`)
})
