#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { asCalled } from './command/answer.js'
import { listCommands } from './command.js'

interface Package {
  version: string
  scripts: Record<string, string>
}

const { version, scripts } = JSON.parse(
  await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
) as Package
const names = Object.keys(scripts).filter((name) => existsSync(new URL(`./${name}.js`, import.meta.url)))

const [name = '--help'] = process.argv.splice(2, 1)
if (names.includes(name)) await import(`./${name}.js`)
else if (name === '--version') process.stdout.write(`${version}\n`)
else if (name === '--help') process.stdout.write(await usage())
else {
  process.stderr.write(`There is no command ${JSON.stringify(name)}.\n\n${await usage()}`)
  process.exitCode = 2
}

async function usage(): Promise<string> {
  const commands = await listCommands(() => Promise.all(names.map((name) => import(`./${name}.js`))))
  const width = Math.max(...names.map((name) => name.length))
  const lines = names.flatMap((name) => {
    const command = commands.find((command) => command.name === name)
    const summary = /^.*?[.:;](?= |$)/.exec(command?.description ?? '')?.[0].slice(0, -1)
    return `  ${name.padEnd(width)}  ${summary}`
  })
  const text = [
    'Usage: auto-enroll <command> [flags]',
    '',
    ...lines,
    '',
    'auto-enroll <command> --help shows its flags, auto-enroll --version the version.',
    '',
  ].join('\n')
  return asCalled(text)
}
