import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { envExample, settingsTable } from '../../config/settings-docs.js'

// `npm run docs` updates these "snapshots", which are the documents themselves.

it('has in the README the table of settings that the schema makes', async () => {
  const readme = readFileSync('README.md', 'utf8')
  const marked = /(<!-- settings -->\n)[\s\S]*?(<!-- \/settings -->)/
  expect(readme).toMatch(marked)
  const expected = readme.replace(marked, (_, start, end) => `${start}${settingsTable()}\n${end}`)
  await expect(expected).toMatchFileSnapshot('../../README.md')
})

it('has in .env.example every setting that the schema has', async () => {
  await expect(envExample()).toMatchFileSnapshot('../../.env.example')
})
