import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** Words that mark a stilted style, each with what a colleague would say instead. */
const STILTED: readonly [RegExp, string][] = [
  [/\b[Ww]hoever\b/, 'anyone who, users who'],
  [/\b[Tt]ells?\b(?!.* apart\b)/, 'says, reports, shows'],
  [/\b[Tt]old\b(?!.* apart\b)/, 'said, called, reported'],
  [/\b[Dd]oubled\b/, 'duplicated, enrolled twice'],
  [/\bof (?:ours|yours|its own make)\b/, 'our, your'],
  [/\b(?:is|are|be|being|was|were) had\b|\bto be had\b/, 'is available'],
  [/\b(?:is|are|be|workers?) at it\b/, 'is working on it'],
  [/\bsuch an? \w/, 'a … like this'],
  [/`?\b(?:publish|command|function|call|that|it|who|which)`? answers\b/, 'returns'],
  [/\b[Oo]utlast(?:s|er)\b/, 'waits out'],
  [/\bby itself alone\b|\bnot on the dot\b|\bfor ever\b/, 'plain words'],
]

const documents = ['.', 'docs'].flatMap((folder) => filesIn(folder, /\.md$/, false))
const sources = [
  'bench',
  'config',
  'dashboard',
  'db',
  'deploy',
  'producers',
  'queue',
  'scripts',
  'test',
  'worker',
].flatMap((room) => filesIn(room, /(?<!plain-english\.test)\.(?:ts|js|sql|yml)$/, true))

it.each([...documents, ...sources])('%s is in plain English', (file) => {
  const found = readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) =>
      STILTED.filter(([words]) => words.test(line)).map(
        ([words, better]) => `${file}:${index + 1}: ${words.exec(line)?.[0]} → ${better}: ${line.trim()}`,
      ),
    )
  expect(found).toEqual([])
})

function filesIn(folder: string, name: RegExp, recursive: boolean): string[] {
  return readdirSync(folder, { recursive, encoding: 'utf8' })
    .map((path) => join(folder, path))
    .filter((path) => name.test(path) && !/(^|\/)(?:node_modules|dist)\//.test(path))
}
