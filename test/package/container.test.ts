import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { type Dockerfile, DockerfileParser } from 'dockerfile-ast'
import { validate } from 'dockerfile-utils'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createHealthApp } from '../../config/health.js'
import { listen } from '../../config/listen.js'
import { readSettings } from '../../config/settings.js'
import { settingsSchema } from '../../config/settings-schema.js'
import { startRedis } from '../support/redis-server.js'

interface Service {
  image: string
  build?: string
  command?: string[]
  environment?: Record<string, string>
  ports?: string[]
  volumes?: string[]
  healthcheck?: { test?: string[]; disable?: boolean }
  depends_on?: Record<string, { condition: string }>
  stop_grace_period?: string
}

const dockerfileText = readFileSync('Dockerfile', 'utf8')
const composeText = readFileSync('docker-compose.yml', 'utf8')
const dockerfile: Dockerfile = DockerfileParser.parse(dockerfileText)
const { services } = parse(composeText, { merge: true }) as { services: Record<string, Service> }
const own = Object.entries(services).filter(([, service]) => service.build !== undefined)
const settingNames = Object.keys(settingsSchema.shape)

describe('Dockerfile', () => {
  it('is valid', () => {
    expect(validate(dockerfileText)).toEqual([])
  })

  it('builds on images pinned to a patch release', () => {
    for (const from of dockerfile.getFROMs()) expect(from.getImage()).toMatch(/:\d+\.\d+\.\d+-/)
  })

  it('runs under an init, and not as root', () => {
    expect(dockerfile.getENTRYPOINTs().at(-1)?.getArgumentsContent()).toBe('["tini", "--"]')
    expect(instructions('USER').at(-1)).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  })

  it('copies only existing files, and all that the build and the processes read', () => {
    const sources = dockerfile
      .getCOPYs()
      .filter((copy) => copy.getFromFlag() === null)
      .flatMap((copy) => copy.getArguments().slice(0, -1))
    expect(sources.filter((source) => !existsSync(source.getValue()))).toEqual([])
    const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] }
    const papers = ['CHANGELOG.md', 'db/roles.sql', 'queue/redis.acl']
    const read = files.filter((path) => !path.startsWith('!') && !['dist', ...papers].includes(path))
    expect(sources.map((source) => source.getValue())).toEqual(expect.arrayContaining(read))

    const kept = readFileSync('.dockerignore', 'utf8').match(/(?<=^!).+$/gm) ?? []
    const { include } = JSON.parse(readFileSync('tsconfig.build.json', 'utf8')) as { include: string[] }
    expect(kept).toEqual(expect.arrayContaining(include.filter((path) => path !== 'bench')))
  })

  it('sets only settings that exist', () => {
    const names = dockerfile
      .getENVs()
      .flatMap((env) => env.getProperties().map((property) => property.getName()))
    const read = [...dockerfileText.matchAll(/process\.env\.(\w+)/g)].map(([, name]) => name)
    expect([...names, ...read].filter((name) => name !== 'NODE_ENV')).toSatisfy((used: string[]) =>
      used.every((name) => settingNames.includes(name)),
    )
  })

  it('names only commands that exist', () => {
    expect(commandsIn(dockerfileText).filter((name) => !existsSync(`scripts/${name}.ts`))).toEqual([])
  })

  it('has a health check that fails for an unhealthy worker and for no worker', async () => {
    const [program = '', ...args] = healthcheckOfImage()
    let reason: string | undefined
    const app = createHealthApp({
      metrics: async () => '',
      checks: {},
      unhealthy: () => reason,
      describeError: String,
    })
    const server = await listen(app, {
      ...{ port: 0, portSetting: 'WORKER_HTTP_PORT' },
      ...{ host: '127.0.0.1', hostSetting: 'WORKER_HTTP_HOST' },
    })
    const env = { PATH: process.env.PATH, WORKER_HTTP_PORT: new URL(server.url).port }
    const check = () => promisify(execFile)(program, args, { env })

    await expect(check()).resolves.toBeDefined()
    reason = 'nothing is consumed'
    await expect(check()).rejects.toMatchObject({ code: 1 })
    await server.close()
    await expect(check()).rejects.toMatchObject({ code: 1 })
  })
})

describe('docker-compose.yml', () => {
  it('pins foreign images', () => {
    for (const { image, build } of Object.values(services)) {
      if (build === undefined) expect(image).toMatch(/:\d+\.\d+(\.\d+)?-/)
    }
  })

  it.each(own)('gives %s settings that auto-enroll accepts', (_, { environment = {} }) => {
    expect(Object.keys(environment).filter((name) => !settingNames.includes(name))).toEqual([])
    const filled = Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, interpolate(value)]),
    )
    expect(readSettings(filled, ['DATABASE_URL', 'QUEUE_URL'])).toBeDefined()
  })

  it('shows the same defaults as the settings', () => {
    const defaults = settingsSchema.parse({})
    for (const [, name = '', value] of composeText.matchAll(/\$\{(\w+):-([^}]*)\}/g)) {
      if (settingNames.includes(name))
        expect(`${name} ${value}`).toBe(`${name} ${defaults[name as 'LOG_LEVEL']}`)
    }
  })

  it('runs only commands that exist', () => {
    expect(commandsIn(composeText)).toContain('migrate')
    expect(commandsIn(composeText).filter((name) => !existsSync(`scripts/${name}.ts`))).toEqual([])
  })

  it('publishes ports only on loopback, and none of the worker, so that there can be several', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? [])
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
    expect(services.worker?.ports).toBeUndefined()
  })

  it('migrates once before anything else starts, and waits only for services that have a health check', () => {
    for (const [name, { depends_on = {} }] of own) {
      if (name !== 'migrate') expect(depends_on.migrate?.condition).toBe('service_completed_successfully')
      for (const [other, { condition }] of Object.entries(depends_on)) {
        if (condition === 'service_healthy') expect(services[other]?.healthcheck?.test).toBeDefined()
      }
    }
  })

  it('lets a worker finish before it is killed', () => {
    const graceMs = Number.parseInt(services.worker?.stop_grace_period ?? '', 10) * 1000
    expect(graceMs).toBeGreaterThan(settingsSchema.parse({}).SHUTDOWN_TIMEOUT_MS)
  })

  it('keeps the data of Postgres and Redis', () => {
    expect(services.postgres?.volumes).toEqual(['postgres:/var/lib/postgresql'])
    expect(services.redis?.volumes).toEqual(['redis:/data'])
  })

  it('starts a Redis that persists and never evicts', async () => {
    const [program, ...flags] = services.redis?.command ?? []
    expect(program).toBe('redis-server')
    const redis = await startRedis({ flags })
    const client = new Redis(redis.url)
    expect(await client.config('GET', 'appendonly')).toEqual(['appendonly', 'yes'])
    expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction'])
    client.disconnect()
    await redis.stop()
  })
})

function instructions(keyword: string): (string | null)[] {
  return dockerfile
    .getInstructions()
    .filter((instruction) => instruction.getKeyword() === keyword)
    .map((instruction) => instruction.getArgumentsContent())
}

function healthcheckOfImage(): string[] {
  const [, command = '[]'] = /HEALTHCHECK[\s\S]*?CMD (\[.*\])$/m.exec(dockerfileText) ?? []
  return JSON.parse(command) as string[]
}

function commandsIn(text: string): string[] {
  return [...text.matchAll(/dist\/scripts\/([\w-]+)\.js/g)].map(([, name = '']) => name)
}

/** What Compose substitutes for `${NAME:-default}` and `${NAME:?reason}` when NAME is set only for the latter. */
function interpolate(value: string): string {
  return value.replace(/\$\{\w+:-([^}]*)\}/g, '$1').replace(/\$\{\w+:\?[^}]*\}/g, 'given')
}
