import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { settingsSchema } from '../../config/settings-schema.js'
import { type Column, missingColumns } from '../../db/columns.js'
import { TABLES } from '../../db/schema.js'
import { jobOptions, OUTCOMES, SOURCES } from '../../queue/user-created.js'
import { codeBlocks } from '../support/readme.js'

const readme = readFileSync('README.md', 'utf8')
const event = { v: 1, userId: 'u1', source: 'credentials', occurredAt: new Date().toISOString() } as const

it('shows how to install, the code, something to run, and a picture, in this order, before line 30', () => {
  const lines = readme.split('\n')
  const positions = [/^npm install /, /^export const publisher/, /^npm ci && npm run demo$/, /^!\[/].map(
    (part) => lines.findIndex((line) => part.test(line)),
  )
  expect(positions).toEqual([...positions].sort((a, b) => a - b))
  expect(Math.min(...positions)).toBeGreaterThan(0)
  expect(positions[2]).toBeLessThan(25)
  expect(positions[3]).toBeLessThan(30)
})

describe('the table of required columns', () => {
  const required = Object.fromEntries(TABLES.map((table) => [table, requiredColumns(table)]))

  it('is complete', () => {
    expect(missingColumns(columns(required))).toEqual([])
  })

  it.each(TABLES.flatMap((table) => requiredColumns(table).map((column) => ({ table, column }))))(
    'names $table.$column, which is required',
    ({ table, column }) => {
      const without = { ...required, [table]: requiredColumns(table).filter((name) => name !== column) }
      expect(missingColumns(columns(without))).toEqual([`table "${table}" has no column "${column}"`])
    },
  )

  function requiredColumns(table: string): string[] {
    const [, names = ''] = new RegExp(`^\\| \`"${table}"\` \\| ([^|]+) \\|`, 'm').exec(readme) ?? []
    return [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
  }

  function columns(names: Readonly<Record<string, readonly string[]>>) {
    const column: Column = { type: 'text', maxLength: null, labels: null, required: false, generated: false }
    const of = (table: string) => new Map((names[table] ?? []).map((name) => [name, column]))
    return { User: of('User'), Course: of('Course'), Enrollment: of('Enrollment') }
  }
})

it('describes the retry policy that jobs get', () => {
  const { attempts = 0, backoff, removeOnComplete, removeOnFail } = jobOptions(event)
  const { delay = 0, jitter } = backoff as { delay?: number; jitter?: number }
  const longest = (delay / 1000) * 2 ** (attempts - 2)
  expect(readme).toContain(
    `A job gets ${attempts} attempts. Waits between them start at ${delay / 1000} s and double up to ${longest} s,`,
  )
  expect(jitter).toBe(0.5)
  const days = (removeOnFail as { age: number }).age / 86_400
  const failed = (removeOnFail as { count: number }).count.toLocaleString('en')
  const completed = (removeOnComplete as { count: number; age: number }).count.toLocaleString('en')
  expect((removeOnComplete as { age: number }).age).toBe(3600)
  expect(readme).toContain(
    `kept for ${days} days (at most ${failed}), completed ones for an hour (at most ${completed})`,
  )
})

describe('the glossary', () => {
  it('lists every source of an event', () => expect(termsIn('source')).toEqual([...SOURCES]))
  it('lists every outcome of a job', () => expect(termsIn('outcome')).toEqual([...OUTCOMES]))

  function termsIn(term: string): string[] {
    const [, meaning = ''] = new RegExp(`^\\| ${term} \\| (.+) \\|$`, 'm').exec(readme) ?? []
    return [...meaning.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name)
  }
})

it('has a Kubernetes deployment that fits the worker', () => {
  interface Container {
    env: { name: string; value: string }[]
    ports: { name: string; containerPort: number }[]
    livenessProbe: { httpGet: { path: string; port: string } }
    readinessProbe: { httpGet: { path: string; port: string } }
  }
  const { template } = (
    parse(codeBlocks('yaml')[0] ?? '') as {
      spec: {
        template: { spec: { terminationGracePeriodSeconds: number; containers: [Container] } }
      }
    }
  ).spec
  const [{ env, ports, livenessProbe, readinessProbe }] = template.spec.containers
  const settings = settingsSchema.parse(Object.fromEntries(env.map(({ name, value }) => [name, value])))
  for (const { name } of env) expect(settings).toHaveProperty(name)
  expect(template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(settings.SHUTDOWN_TIMEOUT_MS)
  expect(ports).toEqual([{ name: 'http', containerPort: settings.WORKER_HTTP_PORT }])
  expect(livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'http' })
  expect(readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' })
})

it('gives no measured figure without the command that prints it', () => {
  expect(readme).not.toMatch(/\d[\d,.]* (?:jobs|users|events|sign-ups)(?: a second|\/s)/)
})
