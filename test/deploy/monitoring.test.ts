import { readFile } from 'node:fs/promises'
import { execa } from 'execa'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { createPublisher } from '../../producers/publisher.js'
import type { RunningWorker } from '../../worker/run.js'
import { countEnrollments, insertCourses, insertUsers } from '../support/application.js'
import { runbookChapters } from '../support/readme.js'
import { queuePlace, useDatabase } from '../support/servers.js'
import { startTestWorker } from '../support/worker.js'

describe('alert rules and the Grafana dashboard', () => {
  const database = useDatabase()
  let worker: RunningWorker
  let exported = new Set<string>()

  beforeAll(async () => {
    const queue = queuePlace('redis', database)
    worker = await startTestWorker({ databaseUrl: database.url, queue })
    const registry = new Registry()
    const publisher = createPublisher({
      queueUrl: queue.url,
      prefix: queue.prefix,
      timeoutMs: 5000,
      registry,
    })
    await insertCourses(database, 1)
    const [userId = ''] = await insertUsers(database, 1)
    await publisher.publish({ userId, source: 'credentials' })
    await vi.waitFor(async () => expect(await countEnrollments(database)).toBe(1), 10_000)

    const scraped = await (await fetch(`${worker.url}/metrics`)).text()
    const all = `${scraped}\n${await registry.metrics()}`
    expect(all).not.toContain(userId)
    exported = new Set(all.split('\n').map((line) => line.match(/^[a-z][a-z0-9_]*/)?.[0] ?? ''))
    await publisher.close()
  })
  afterAll(() => worker.close())

  it('rules name only metrics that the processes export, and link to the runbook', async () => {
    const { groups } = parse(await readFile('deploy/prometheus/alerts.yml', 'utf8')) as {
      groups: {
        rules: { alert: string; expr: string; annotations: { summary: string; runbook_url: string } }[]
      }[]
    }
    const rules = groups.flatMap((group) => group.rules)
    expect(rules.length).toBeGreaterThan(5)
    const chapters = runbookChapters().map((chapter) => `docs/runbook.md#${chapter}`)
    for (const rule of rules) {
      expect(unknownMetrics(rule.expr), rule.alert).toEqual([])
      expect(rule.annotations.summary).toBeTruthy()
      expect(chapters, rule.alert).toContain(rule.annotations.runbook_url)
    }
  })

  it('rules pass Prometheus’ own check', async () => {
    const { stdout } = await execa('promtool', ['check', 'rules', 'deploy/prometheus/alerts.yml'])
    expect(stdout).toContain('SUCCESS')
  })

  it('the rules distinguish an unknown figure from zero', async () => {
    const { stdout } = await execa('promtool', ['test', 'rules', 'test/deploy/alerts.test.yml'])
    expect(stdout).toContain('SUCCESS')
  })

  it('the single-figure panels show the present value, or “?” if it is unknown', async () => {
    const { panels } = JSON.parse(await readFile('deploy/grafana/auto-enroll.json', 'utf8')) as {
      panels: {
        type: string
        fieldConfig: { defaults: { noValue?: string } }
        targets: { instant?: boolean }[]
      }[]
    }
    const single = panels.filter(({ type }) => type === 'stat')
    expect(single.length).toBeGreaterThan(2)
    for (const { fieldConfig, targets } of single) {
      expect(fieldConfig.defaults.noValue).toBe('?')
      expect(targets.map(({ instant }) => instant)).toEqual([true])
    }
  })

  it('panels name only metrics that the processes export', async () => {
    const { panels } = JSON.parse(await readFile('deploy/grafana/auto-enroll.json', 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[]
    }
    expect(panels.length).toBeGreaterThan(5)
    for (const panel of panels) {
      for (const { expr } of panel.targets) expect(unknownMetrics(expr), panel.title).toEqual([])
    }
  })

  function unknownMetrics(expr: string): string[] {
    const named = expr.match(/\b(auto_enroll|bullmq)_[a-z0-9_]+/g) ?? []
    expect(named.length).toBeGreaterThan(0)
    return named.filter((name) => !exported.has(name))
  }
})
